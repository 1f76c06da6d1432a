//! What holds for every text: it is read without a panic, and nothing from elsewhere is let in.

use basphere_core::images::{Reference, Verdict, decode, names_in};
use basphere_core::{Site, images::Rules};
use proptest::prelude::*;

use super::{rules, spec_with};

fn with_rules<T>(judge: impl FnOnce(&Rules) -> T) -> T {
    let site = Site::try_from(spec_with(rules())).expect("a site");
    judge(site.images().expect("rules"))
}

/// References that are almost right.
fn reference() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "harbor.corp.example",
        ":8443",
        "/",
        "a",
        "B",
        "..",
        "@",
        ":",
        "evil.io",
        "sha256:",
        "-",
        "_",
        "%2f",
        "[::1]",
        " ",
        "\u{0}",
        "library",
        "\\",
        "é",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

/// Pieces of shell, YAML and TOML, put together anyhow.
fn content() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "image",
        ": ",
        "docker.io/a",
        "\n",
        "  ",
        "- ",
        "'",
        "\"",
        "`",
        "$(",
        ")",
        "${A",
        "}",
        "<<EOF\n",
        "EOF\n",
        "|",
        "&&",
        ";",
        "sh -c ",
        "curl https://x.example/y",
        "kubectl apply -f ",
        "ctr i pull ",
        "A=$A$A;",
        "\\",
        "#",
        "[x]\n",
        "endpoint = ",
        "kind: Secret\ndata: ",
        "{{ x }}",
        "\u{e000}",
        "é",
        "&a ",
        "*a",
        "{",
        "[",
        "]",
        ">",
        "<(",
        "eval ",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_the_sites_registry_is_let_in(text in reference()) {
        let is_there = text.starts_with("harbor.corp.example:8443/");
        let verdict = with_rules(|rules| rules.judge(&text));
        prop_assert_eq!(verdict == Verdict::Allowed, is_there && Reference::parse(&text).is_ok());
    }

    #[test]
    fn any_text_is_read(
        content in content(),
        name in prop::sample::select(vec!["", "x.sh", "x.toml", "hosts.toml", "x.yaml"]),
        encoding in prop::sample::select(vec!["", "base64", "gzip", "gzip+base64", "x"]),
    ) {
        let found = names_in(name, &content);
        prop_assert!(found.len() <= 512);
        let _ = decode(encoding, &content);
    }
}

/// Time grows with the length and not with its square, whatever a text is made of: half of a second is a
/// hundred times what such a text takes.
#[test]
fn long_texts_take_no_longer_than_they_are() {
    let pieces = [
        "image:",
        "image: a ",
        "a|",
        "curl https://x.example/",
        "$(",
        "`",
        "A=$A$A;",
        "sh -c '",
        "image: a\n",
        "- ",
        "{",
        "[",
        "kubectl apply -f x;",
        "curl -o x https://y.example;",
        "<<A ",
        "'a'",
        "\"",
        "é=",
        "ctr i pull x\n",
        "a b ",
        "(",
        "&",
    ];
    for piece in pieces {
        for name in ["", "x.sh", "x.toml", "x.yaml"] {
            let text = piece.repeat((1 << 16) / piece.len());
            let start = std::time::Instant::now();
            let found = names_in(name, &text);
            let took = start.elapsed();
            assert!(found.len() <= 512);
            assert!(took.as_secs() < 5, "{piece:?} as {name:?}: {took:?}");
        }
    }
}
