//! A form with files (`multipart/form-data`, RFC 7578), as WeChat's uploads want it: of known length, and streamed.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;

use super::upload::{Content, Piece};
use crate::error::{Deed, Error};
use crate::language::{either, say};

/// Makes the form of `name=@file` and `name=text`.
///
/// # Errors
/// What cannot be understood, or a file that cannot be read.
pub(super) fn of(parts: &[String]) -> Result<Content, Error> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(|error| {
        let what = either(
            "the operating system gives no random bytes. Check /dev/urandom",
            "操作系统没有给出随机数。请检查 /dev/urandom",
        );
        Error::System { what, source: error.into() }
    })?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    with_boundary(parts, &format!("lingpai-{digits}"))
}

fn with_boundary(parts: &[String], boundary: &str) -> Result<Content, Error> {
    if !parts.iter().any(|part| part.contains("=@")) {
        return Err(Error::said(either(
            "no --file names a file. Write --file media=@photo.jpg",
            "没有一个 --file 指定文件。请写 --file media=@photo.jpg",
        )));
    }
    let mut pieces = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            Error::said(say!(
                "`--file {part}` cannot be understood: write --file media=@photo.jpg, or --file name=text for a text \
                 beside the file",
                "`--file {part}` 无法理解：请写 --file media=@photo.jpg；文件之外的文字写 --file name=text"
            ))
        })?;
        let name = quoted(name);
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        match value.strip_prefix('@') {
            None => pieces.push(Piece::Bytes(format!("{head}\r\n\r\n{value}\r\n").into())),
            Some(path) => {
                let path = Path::new(path);
                let file_name = path.file_name().unwrap_or_default().to_string_lossy();
                let (file_name, kind) = (quoted(&file_name), kind_of(path));
                pieces.push(Piece::Bytes(
                    format!("{head}; filename=\"{file_name}\"\r\nContent-Type: {kind}\r\n\r\n")
                        .into(),
                ));
                pieces.push(open(path)?);
                pieces.push(Piece::Bytes(Bytes::from_static(b"\r\n")));
            }
        }
    }
    pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
    Ok(Content { content_type: format!("multipart/form-data; boundary={boundary}"), pieces })
}

fn open(path: &Path) -> Result<Piece, Error> {
    let unreadable = |source| Error::File {
        path: path.to_owned(),
        deed: Deed::Read,
        advice: either("Name the file to send after the @", "请在 @ 后面写要发送的文件"),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(Error::said(say!(
            "{path} is no ordinary file, and WeChat wants to know the length of what it gets. Write it to a file first",
            "{path} 不是普通文件，而微信要求事先知道长度。请先存为文件",
            path = path.display()
        )));
    }
    Ok(Piece::File { path: path.to_owned(), file, length: about.len() })
}

/// As browsers write a name between quotes.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// WeChat looks at the end of the name; this is for those who look at the type.
fn kind_of(path: &Path) -> &'static str {
    let end = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match end.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "mp3" => "audio/mpeg",
        "amr" => "audio/amr",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn text(parts: &[&str]) -> Result<String, String> {
        let parts: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
        let content = with_boundary(&parts, "b").map_err(|error| error.to_string())?;
        let mut text = String::new();
        let length = content.length();
        for piece in content.pieces {
            match piece {
                Piece::Bytes(bytes) => text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Piece::File { mut file, .. } => drop(file.read_to_string(&mut text).unwrap()),
            }
        }
        assert_eq!(length, text.len() as u64);
        Ok(text)
    }

    #[test]
    fn a_form_holds_files_and_texts_and_knows_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a\"b.jpg");
        std::fs::write(&path, "pixels").unwrap();
        let part = format!("media=@{}", path.display());
        assert_eq!(
            text(&[&part, "description={\"title\":\"x\"}"]).unwrap(),
            "--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a%22b.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\npixels\r\n\
             --b\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n{\"title\":\"x\"}\r\n\
             --b--\r\n"
        );
    }

    #[test]
    fn a_form_without_a_file_or_with_something_else_is_not_sent() {
        assert!(text(&["media=a.jpg"]).unwrap_err().contains("--file media=@photo.jpg"));
        assert!(text(&["media=@/nowhere/a.jpg"]).unwrap_err().contains("cannot be read"));
        assert!(text(&["media=@/dev/null"]).unwrap_err().contains("no ordinary file"));
        assert!(text(&["media=@/dev/null", "x"]).is_err());
    }
}
