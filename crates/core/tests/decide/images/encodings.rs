//! Files in every encoding, and what cannot be looked into.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

use super::{HARBOR, at, said_of, short};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: x\n    image: docker.io/library/nginx:1\n";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn file(encoding: &str, content: &str) -> Value {
    let mut file = json!({"path": "/etc/kubernetes/manifests/x.yaml", "content": content});
    if !encoding.is_empty() {
        file["encoding"] = encoding.into();
    }
    json!({"files": [file]})
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[test]
fn an_image_is_seen_in_every_encoding() {
    let packed = gzip(POD.as_bytes());
    let mut wrapped = STANDARD.encode(POD);
    wrapped.insert(40, '\n');
    let cases = [
        ("", POD.to_owned()),
        ("base64", STANDARD.encode(POD)),
        ("base64", wrapped),
        (
            "base64",
            STANDARD.encode(POD).trim_end_matches('=').to_owned(),
        ),
        ("gzip+base64", STANDARD.encode(&packed)),
        ("gzip", latin(&packed)),
        ("gzip", STANDARD.encode(&packed)),
    ];
    for (encoding, content) in cases {
        let said = said_of(&file(encoding, &content));
        let expected = (
            "BSP-M001",
            &*at("files[0].content"),
            "docker.io/library/nginx:1",
        );
        assert_eq!(short(&said), [expected], "{encoding}");
        let text = format!(
            "Unsupported value: \"docker.io/library/nginx:1\": line 7, spec.containers[0].image: \
             the site's registries are {HARBOR}; write {HARBOR}/library/nginx:1 [BSP-M001]"
        );
        assert_eq!(said[0].3, text, "{encoding}");
    }
}

#[test]
fn what_is_not_of_its_encoding_is_refused() {
    let cut = STANDARD.encode(&gzip(POD.as_bytes())[..20]);
    for (encoding, content) in [
        ("base64", POD),
        ("gzip+base64", POD),
        ("gzip+base64", &*STANDARD.encode(POD)),
        ("gzip+base64", &*cut),
        ("gzip", POD),
    ] {
        let said = said_of(&file(encoding, content));
        assert_eq!(
            short(&said),
            [("BSP-M004", &*at("files[0].content"), "")],
            "{encoding}"
        );
    }
}

#[test]
fn what_cannot_be_looked_into_is_warned_of() {
    let bomb = gzip(&vec![b' '; 3 << 20]);
    assert!(bomb.len() < 4096);
    let cases = [
        (
            "base64",
            STANDARD.encode([0, 255, 254, 128]),
            "it is no text",
        ),
        (
            "gzip+base64",
            STANDARD.encode(bomb),
            "it is longer than what is looked at, 1 MiB",
        ),
        ("zstd", "x".to_owned(), "its encoding is not known"),
    ];
    for (encoding, content, why) in cases {
        let said = said_of(&file(encoding, &content));
        let path = "/etc/kubernetes/manifests/x.yaml";
        assert_eq!(short(&said), [("BSP-M005", &*at("files[0].content"), path)]);
        assert!(said[0].3.contains(why), "{}", said[0].3);
    }
    let secret = json!({"secret": {"name": "files", "key": "x"}});
    let said = said_of(&json!({"files": [{"path": "/etc/x", "contentFrom": secret}]}));
    let expected = ("BSP-M005", &*at("files[0].contentFrom"), "/etc/x");
    assert_eq!(short(&said), [expected]);
}

/// Many small files of gzip are as long as one large one.
#[test]
fn all_files_together_are_looked_at_up_to_a_length() {
    let large = STANDARD.encode(gzip(&vec![b'#'; (1 << 20) - 4096]));
    let file = |name: usize| json!({"path": format!("/etc/{name}"), "content": large, "encoding": "gzip+base64"});
    let files: Vec<_> = (0..6).map(file).collect();
    let said = said_of(&json!({"files": files}));
    let [fifth, sixth] = [at("files[4].content"), at("files[5].content")];
    let expected = [
        ("BSP-M005", &*fifth, "/etc/4"),
        ("BSP-M005", &*sixth, "/etc/5"),
    ];
    assert_eq!(short(&said), expected);
}
