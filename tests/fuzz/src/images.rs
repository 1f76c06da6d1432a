//! What must hold of image references and of files, whatever stands in them.

use std::io::Write as _;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use basphere_core::Site;
use basphere_core::images::{MOST_BYTES, Malformed, Reference, Rules, Verdict, decode, names_in};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::world::{HARBOR, site};

static SITE: LazyLock<Site> = LazyLock::new(site);

fn rules() -> &'static Rules {
    SITE.images().expect("the site has rules")
}

/// Reads a text as a reference.
///
/// # Panics
/// When it is read otherwise a second time, or let in from elsewhere.
pub fn references(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let read = Reference::parse(text);
    if let Ok(reference) = &read {
        let again = Reference::parse(&reference.to_string());
        assert_eq!(
            again.as_ref(),
            Ok(reference),
            "it is read again as the same"
        );
    }
    let is_there = text.to_ascii_lowercase().starts_with(&format!("{HARBOR}/"));
    let verdict = rules().judge(text);
    assert_eq!(
        verdict == Verdict::Allowed,
        is_there && read.is_ok(),
        "{text:?}"
    );
    if let Some(rewritten) = rules().rewrite(text) {
        let is_short = Reference::parse(&rewritten).is_ok();
        assert!(
            !is_short || rules().judge(&rewritten) == Verdict::Allowed,
            "{rewritten:?}"
        );
    }
    let repository = rules().judge_repository(text);
    if repository == Verdict::Allowed {
        let image = rules().judge(&format!("{text}/pause:3.9"));
        let is_long = image == Verdict::Malformed(Malformed::TooLong);
        assert!(is_long || image == Verdict::Allowed, "{text:?}: {image:?}");
    }
}

/// Reads bytes as a file in every encoding, and under names of every kind.
///
/// # Panics
/// When what was encoded is decoded to something else, or too much of it.
pub fn files(body: &[u8]) {
    let Some((kind, content)) = body.split_first() else {
        return;
    };
    if let Ok(written) = std::str::from_utf8(content) {
        for encoding in ["", "base64", "gzip", "gzip+base64"] {
            if let Ok(decoded) = decode(encoding, written) {
                assert!(decoded.len() <= MOST_BYTES, "no more is looked at");
            }
        }
        let encoded = STANDARD.encode(written);
        let plain = decode("base64", &encoded).expect("it was text");
        assert_eq!(plain, written);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(content).expect("memory takes all");
        let packed = STANDARD.encode(packed.finish().expect("memory takes all"));
        assert_eq!(
            decode("gzip+base64", &packed).expect("it was text"),
            written
        );
        let names = [
            "x.yaml",
            "x.sh",
            "/etc/containerd/config.toml",
            "hosts.toml",
            "",
        ];
        let name = names.get(usize::from(*kind) % names.len());
        let found = names_in(name.copied().unwrap_or_default(), written);
        assert!(found.len() <= 512, "{} were found", found.len());
    }
}
