//! Just enough XML for pushes: one element whose children hold texts. Nothing is expanded, declared or fetched.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::message::Unreadable;

/// How deep elements may lie in each other. WeChat's go down to five.
const MAX_DEPTH: usize = 16;
/// How many elements there may be.
const MAX_ELEMENTS: usize = 4096;

/// A name and its text.
pub(super) type Named = (Box<str>, Box<str>);

/// The names and texts of what is directly in the outermost element, in their order. Deeper elements are passed over, and
/// whoever holds them has no text of its own.
///
/// # Errors
/// [`Unreadable`] if it is not well-formed, too deep or too much; if it has a document type, a processing instruction or an
/// entity that XML does not define by itself; or if something follows it.
pub(super) fn fields(text: &str) -> Result<Vec<Named>, Unreadable> {
    let mut reader = Reader::from_reader(text.as_bytes());
    reader.config_mut().expand_empty_elements = true;
    let declaration = declared(text).map_or(0, |declaration| declaration.len() as u64);
    let mut fields = Vec::new();
    let mut open: Option<Field> = None;
    let (mut depth, mut elements, mut is_over) = (0_usize, 0_usize, false);
    loop {
        match reader.read_event().map_err(|_| Unreadable)? {
            Event::Start(start) => {
                elements += 1;
                if depth == MAX_DEPTH || elements > MAX_ELEMENTS || is_over || !is_proper(&start) {
                    return Err(Unreadable);
                }
                match (depth, &mut open) {
                    (1, open) => *open = Some(Field::named(start.name().as_ref())),
                    (_, Some(field)) => field.is_nested = true,
                    (_, None) => {}
                }
                depth += 1;
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).ok_or(Unreadable)?;
                is_over = depth == 0;
                fields.extend(open.take_if(|_| depth == 1).map(Field::closed));
            }
            Event::Text(text) => put(&mut open, depth, &text.xml10_content())?,
            Event::CData(text) => put(&mut open, depth, &text.xml10_content())?,
            Event::GeneralRef(reference) => put(&mut open, depth, &resolved(&reference)?)?,
            // At the very beginning only, which the reader does not see to.
            Event::Decl(_) if reader.buffer_position() == declaration => {}
            Event::Comment(_) => {}
            Event::Decl(_) | Event::Empty(_) | Event::DocType(_) | Event::PI(_) => {
                return Err(Unreadable);
            }
            Event::Eof if is_over => return Ok(fields),
            Event::Eof => return Err(Unreadable),
        }
    }
}

/// The declaration `<?xml ...?>` with which a text begins.
fn declared(text: &str) -> Option<&str> {
    let (inside, _) = text.strip_prefix("<?xml")?.split_once("?>")?;
    (!inside.contains('<')).then(|| &text[.."<?xml?>".len() + inside.len()])
}

/// Whether a start is one to every reader: ours takes `<<!DOCTYPE x>` for an element of a strange name.
fn is_proper(start: &BytesStart<'_>) -> bool {
    let name = start.name();
    let name: &str = name.as_ref();
    let begins = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let in_name = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
    let attributes: &str = start.attributes_raw();
    begins
        && name.chars().all(in_name)
        && !attributes.contains('<')
        && start.attributes().all(|attribute| attribute.is_ok())
}

/// A child of the outermost element while it is being read.
struct Field {
    name: Box<str>,
    text: String,
    is_nested: bool,
}

impl Field {
    fn named(name: &str) -> Self {
        Self { name: name.into(), text: String::new(), is_nested: false }
    }

    fn closed(self) -> Named {
        let text = if self.is_nested { String::new() } else { self.text };
        (self.name, text.into_boxed_str())
    }
}

/// Text between elements is layout; outside of all of them there may be nothing else.
fn put(open: &mut Option<Field>, depth: usize, text: &str) -> Result<(), Unreadable> {
    match open {
        Some(field) if depth == 2 => field.text.push_str(text),
        _ if depth == 0 && !text.trim().is_empty() => return Err(Unreadable),
        _ => {}
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, Unreadable> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| Unreadable)? {
        return Ok(Cow::Owned(character.to_string()));
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_xml_entity(&name).map(Cow::Borrowed).ok_or(Unreadable)
}

/// `text` as it may stand in a CDATA section.
pub(super) fn cdata(text: &str) -> String {
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        let owned = |(name, text): Named| (name.into(), text.into());
        fields(text).ok().map(|fields| fields.into_iter().map(owned).collect())
    }

    fn one(name: &str, text: &str) -> Option<Vec<(String, String)>> {
        Some(vec![(name.to_owned(), text.to_owned())])
    }

    #[test]
    fn texts_are_read_however_they_are_written() {
        for text in [
            "<xml><A>x &lt; y</A></xml>",
            "<xml><A><![CDATA[x < y]]></A></xml>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n  <A>x &#60;<!-- a note --> <![CDATA[y]]></A>\n</xml>\n",
            "<other><A unit='none'>x &#x3c; y</A></other>",
        ] {
            assert_eq!(read(text), one("A", "x < y"), "{text}");
        }
        assert_eq!(read("<xml><A/></xml>"), one("A", ""));
        assert_eq!(read("<xml><A>1<B>2</B>3</A></xml>"), one("A", ""));
        assert_eq!(read("<xml/>"), Some(Vec::new()));
    }

    #[test]
    fn what_could_expand_or_fetch_is_refused() {
        for text in [
            "<!DOCTYPE xml><xml><A>1</A></xml>",
            "<!DOCTYPE xml [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><xml><A>&b;</A></xml>",
            "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><A>&a;</A></xml>",
            "<!DOCTYPE xml SYSTEM \"http://127.0.0.1/evil.dtd\"><xml><A>1</A></xml>",
            "<xml><A>&a;</A></xml>",
            "<xml><A>&nbsp;</A></xml>",
            "<xml><?php evil ?><A>1</A></xml>",
            "<?xml-stylesheet href=\"http://127.0.0.1/\"?><xml><A>1</A></xml>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_one_well_formed_element_is_refused() {
        for text in [
            "",
            " ",
            "A",
            "<xml>",
            "<xml><A></xml>",
            "<xml><A>1</B></xml>",
            "</xml>",
            "<xml/><xml/>",
            "<xml/>more",
            "less<xml/>",
            "<xml><A>&</A></xml>",
            "<xml><A>&#0;</A></xml>",
            "<xml><A>&#xd800;</A></xml>",
            "<xml><A><![CDATA[1</A></xml>",
            "<xml><<!DOCTYPE x [a/></xml>",
            "<xml><1>x</1></xml>",
            "<xml><A>1</A></xml><?xml version=\"1.0\"?>",
            "<xml><?xml version=\"1.0\"?><A>1</A></xml>",
            "<?xml version=\"1.0<!DOCTYPE x [\"?><xml><A>1</A></xml>",
            "<xml><A b='<'>1</A></xml>",
            "<xml><A b>1</A></xml>",
            "<xml><A b='1' b='2'>1</A></xml>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(fields(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(fields(&deep(MAX_DEPTH + 1)), Err(Unreadable));
        assert_eq!(fields(&deep(50_000)), Err(Unreadable));
        let wide = |number: usize| format!("<xml>{}</xml>", "<a/>".repeat(number));
        assert!(fields(&wide(MAX_ELEMENTS - 1)).is_ok());
        assert_eq!(fields(&wide(MAX_ELEMENTS)), Err(Unreadable));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in ["", "a", "]]>", "]]]]>>", "<![CDATA[x]]>", "&amp;"] {
            let written = format!("<xml><A>{}</A></xml>", cdata(text));
            assert_eq!(read(&written), one("A", text), "{written}");
        }
    }
}
