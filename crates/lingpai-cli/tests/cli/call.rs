//! `call`: through a gateway in the same process, and through that of a server.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::serve::{APPID, SECRET, configure, sandbox, serve};
use crate::support::{Running, Said, http, lingpai, run};

/// A sandbox, and a directory from which it is called.
struct Stand {
    folder: tempfile::TempDir,
    _sandbox: Running,
    upstream: String,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sandbox, upstream) = sandbox(folder.path());
        configure(folder.path(), &upstream);
        Self { folder, _sandbox: sandbox, upstream }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Without a server.
    fn call(&self, arguments: &[&str]) -> Said {
        let mut command = lingpai(self.path(), &["call", "--standalone", APPID]);
        command.args(arguments).env("SECRET", SECRET);
        run(command)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), content).unwrap();
    }

    fn control(&self, deed: &str, body: &Value) -> Value {
        let url = format!("{}/__sandbox/{deed}", self.upstream);
        serde_json::from_str(&http("POST", &url, "", &body.to_string())).unwrap()
    }

    fn counters(&self) -> Value {
        let counters = http("GET", &format!("{}/__sandbox/counters", self.upstream), "", "");
        serde_json::from_str(&counters).unwrap()
    }

    /// The names of all files but the store's.
    fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with("lingpai.")).collect();
        names.sort();
        names
    }
}

fn json_of(said: &Said) -> Value {
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("no JSON: {}", said.out))
}

#[test]
fn a_call_is_made_with_the_token_and_its_answer_printed_as_it_came() {
    let stand = Stand::new();
    let info = stand.call(&["/cgi-bin/user/info", "openid=o 1&x", "lang=zh_CN"]);
    assert_eq!(json_of(&info)["openid"], "o 1&x");
    assert!(!info.out.ends_with('\n'), "not a byte is added where no person looks");

    let send = "/cgi-bin/message/custom/send";
    let text = r#"text:={"content":"你好"}"#;
    let sent = stand.call(&["POST", send, "touser=o1", "msgtype=text", text]);
    assert_eq!(json_of(&sent), json!({"errcode": 0, "errmsg": "ok"}));
    stand.write("message.json", r#"{"touser":"o1","msgtype":"text","text":{"content":"hi"}}"#);
    json_of(&stand.call(&[send, "--json", "message.json"]));
    assert_eq!(stand.counters()["paths"]["/cgi-bin/stable_token"]["calls"], 1, "the store has it");
}

#[test]
fn a_refusal_is_printed_and_explained_and_ends_with_1() {
    let stand = Stand::new();
    let refused = stand.call(&["/cgi-bin/user/info"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(serde_json::from_str::<Value>(&refused.out).unwrap()["errcode"], 41009);
    assert!(refused.err.starts_with("error: WeChat refused the call: 41009 missing openid rid: "));

    let forbidden = stand.call(&["/cgi-bin/stable_token"]);
    assert_eq!(forbidden.code, Some(1));
    assert!(forbidden.err.starts_with("error: the server refused the call: "), "{}", forbidden.err);
    let nobody = run(lingpai(stand.path(), &["call", "wx0", "/cgi-bin/user/get"]));
    assert!(nobody.err.contains("there is no API key"), "{}", nobody.err);
}

#[test]
fn a_log_in_needs_no_secret() {
    let stand = Stand::new();
    let login = stand.control(&format!("apps/{APPID}/log-in"), &json!({"openid": "o1"}));
    let code = format!("js_code={}", login["code"].as_str().unwrap());
    let grant = "grant_type=authorization_code";
    let appid = format!("appid={APPID}");
    let session = stand.call(&["/sns/jscode2session", &appid, "secret=-", grant, &code]);
    assert_eq!(json_of(&session)["openid"], "o1");
}

#[test]
fn a_file_goes_up_and_comes_down_byte_for_byte() {
    let stand = Stand::new();
    let photo: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    stand.write("a.jpg", &photo);
    let upload = ["/cgi-bin/media/upload", "type=image", "--file", "media=@a.jpg"];
    let uploaded = json_of(&stand.call(&upload));
    let media = format!("media_id={}", uploaded["media_id"].as_str().unwrap());
    let download = ["/cgi-bin/media/get", &media, "-o", "b.jpg"];
    let said = stand.call(&download);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    assert!(stand.read("b.jpg") == photo);

    let refused = stand.call(&["/cgi-bin/media/get", "media_id=x", "-o", "b.jpg"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("40007"), "{}", refused.err);
    stand.control("faults", &json!({"fault": "cut-body", "path": "/cgi-bin/media/get"}));
    let cut = stand.call(&download);
    assert_eq!(cut.code, Some(1));
    assert!(cut.err.contains("broke off"), "{}", cut.err);
    assert!(stand.read("b.jpg") == photo, "what there was is left alone");
    assert_eq!(stand.files(), ["a.jpg", "b.jpg"], "no half files are left");
}

#[test]
fn a_large_body_is_streamed_both_ways() {
    const BYTES: u64 = 40 * 1024 * 1024 + 1;
    let stand = Stand::new();
    fs::File::create(stand.path().join("big")).unwrap().set_len(BYTES).unwrap();
    let uploaded = json_of(&stand.call(&["/bulk/upload", "--file", "media=@big"]));
    assert!(uploaded["bytes"].as_u64().unwrap() > BYTES, "the form is around it: {uploaded}");
    let download = stand.call(&["/bulk/download", &format!("bytes={BYTES}"), "-o", "down"]);
    assert_eq!((download.code, download.err.as_str()), (Some(0), ""));
    let down = stand.read("down");
    assert_eq!(down.len() as u64, BYTES);
    assert!(down.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
}

#[test]
fn what_cannot_be_sent_is_said_before_anything_is() {
    let stand = Stand::new();
    stand.write("broken.json", "{");
    for (arguments, said) in [
        (&["POST"][..], "the path is missing"),
        (&["GET", "/a", "--json", "broken.json"], "is not JSON"),
        (&["/a", "--json", "nowhere.json"], "nowhere.json cannot be read"),
        (&["/a", "--file", "media=@nowhere.jpg"], "nowhere.jpg cannot be read"),
        (&["GET", "/a", "--file", "media=@broken.json"], "a GET has no body"),
        (&["/a", "-o", "."], "cannot be written"),
    ] {
        let refused = stand.call(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    assert_eq!(stand.call(&["/a", "--json", "x", "--file", "y"]).code, Some(2));
    assert_eq!(stand.counters()["calls"], 0);
}

#[test]
fn through_a_server_a_revoked_token_is_repaired_and_the_key_is_all_it_takes() {
    let stand = Stand::new();
    let (_server, url) = serve(stand.path());
    let key = {
        let arguments = ["key", "create", "ops", "--right", "gateway", "--account", APPID];
        let mut command = lingpai(stand.path(), &arguments);
        command.env("SECRET", SECRET);
        run(command).out
    };
    stand.write("ops.key", &key);
    let call = |account: &str, arguments: &[&str]| {
        let mut command = lingpai(stand.path(), &["call", account, "--key-file", "ops.key"]);
        command.args(arguments).env("LINGPAI_SERVER", &url);
        run(command)
    };
    assert_eq!(json_of(&call(APPID, &["/cgi-bin/user/get"]))["count"], 2);
    stand.control(&format!("apps/{APPID}/revoke"), &json!({"family": "stable"}));
    assert_eq!(json_of(&call(APPID, &["/cgi-bin/user/get"]))["count"], 2);
    assert_eq!(stand.counters()["apps"][APPID]["minted"]["stable"], 2);

    let other = call("wx00000000000000aa", &["/cgi-bin/user/get"]);
    assert_eq!(other.code, Some(1));
    assert!(other.err.starts_with("error: the server refused the call: "), "{}", other.err);
    assert!(!other.err.contains(key.trim()) && !other.out.contains(key.trim()));
}
