//! Bytes that are no review, or hardly one.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::support::send;
use crate::{Expected, check, review, server, with};

/// Nothing with a uid can be read out of these.
#[tokio::test]
async fn what_is_no_review_is_answered_in_words() {
    let whole = review().to_string();
    let cut = |length: usize| whole.as_bytes()[..length].to_vec();
    let json = |value: Value| value.to_string().into_bytes();
    let unreadable = "the body cannot be read";
    let no_uid = "request.uid: is missing or empty";
    let table: Vec<(&str, Vec<u8>, &'static str)> = vec![
        ("empty", Vec::new(), unreadable),
        ("white space", b" \n\t".to_vec(), unreadable),
        ("not JSON", b"uid=u-1&kind=Cluster".to_vec(), unreadable),
        (
            "YAML",
            b"apiVersion: admission.k8s.io/v1\n".to_vec(),
            unreadable,
        ),
        ("one brace", b"{".to_vec(), unreadable),
        ("cut within the envelope", cut(30), unreadable),
        ("cut within the request", cut(whole.len() / 2), unreadable),
        (
            "cut before the last brace",
            cut(whole.len() - 1),
            unreadable,
        ),
        (
            "two documents",
            [whole.as_bytes(), whole.as_bytes()].concat(),
            unreadable,
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", whole.as_bytes()].concat(),
            unreadable,
        ),
        (
            "UTF-16",
            whole.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            unreadable,
        ),
        (
            "not UTF-8 in the uid",
            b"{\"request\": {\"uid\": \"\xff\"}}".to_vec(),
            unreadable,
        ),
        (
            "gzip",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec(),
            unreadable,
        ),
        ("null", json(Value::Null), unreadable),
        ("a number", json(json!(7)), unreadable),
        ("text", json(json!("u-1")), unreadable),
        ("a list", json(json!([review()])), unreadable),
        (
            "an empty object",
            json(json!({})),
            "apiVersion: is missing or empty",
        ),
        ("deep lists", [b'['; 100_000].to_vec(), unreadable),
        (
            "deep objects",
            r#"{"a":"#.repeat(100_000).into_bytes(),
            unreadable,
        ),
        (
            "no request",
            json(with("/request", Value::Null)),
            "request: is missing or empty",
        ),
        (
            "request as a list",
            json(with("/request", json!(["u-1"]))),
            unreadable,
        ),
        (
            "request as text",
            json(with("/request", json!("u-1"))),
            unreadable,
        ),
        ("no uid", json(with("/request/uid", Value::Null)), no_uid),
        (
            "an empty uid",
            json(with("/request/uid", json!(""))),
            no_uid,
        ),
        (
            "uid as a number",
            json(with("/request/uid", json!(7))),
            "request.uid: is a number",
        ),
        (
            "uid as a list",
            json(with("/request/uid", json!(["u-1"]))),
            "request.uid: is an array",
        ),
        (
            "two uids",
            br#"{"request": {"uid": "u-1", "uid": "u-2"}}"#.to_vec(),
            unreadable,
        ),
        (
            "two requests",
            br#"{"request": {"uid": "u-1"}, "request": {"uid": "u-1"}}"#.to_vec(),
            unreadable,
        ),
    ];
    let router = server();
    for (case, body, words) in table {
        check(
            &router,
            case,
            body,
            &Expected::Words(StatusCode::BAD_REQUEST, words),
        )
        .await;
    }
}

/// These cannot be read as a whole, but whom to answer can be.
#[tokio::test]
async fn whoever_can_be_addressed_gets_a_review() {
    let whole = review().to_string();
    let replaced = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replacen(from, to, 1).into_bytes()
    };
    let nested = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        replaced(r#""spec":{"#, &format!(r#""spec":{{"a":{value},"#))
    };
    let mut not_text = whole.clone().into_bytes();
    let at = whole.find("192.168").unwrap();
    not_text[at] = 0xff;
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("not UTF-8 in the object", not_text),
        ("128 deep", nested(128)),
        ("10 000 deep", nested(10_000)),
        ("a million deep", nested(1_000_000)),
        (
            "operation twice",
            replaced(r#""operation":"#, r#""operation":"DELETE","operation":"#),
        ),
        (
            "object twice",
            replaced(r#""object":"#, r#""object":{},"object":"#),
        ),
        ("1e400", replaced(r#""spec":{"#, r#""spec":{"a":1e400,"#)),
        (
            "half a surrogate",
            replaced(r#""spec":{"#, r#""spec":{"a":"\ud800","#),
        ),
    ];
    let router = server();
    for (case, body) in table {
        check(&router, case, body, &Expected::Refused(400, "BSP-R001", "")).await;
    }
}

/// Odd, but nothing is wrong with them.
#[tokio::test]
async fn what_is_only_odd_passes() {
    let whole = review().to_string();
    let spec = |more: &str| whole.replacen(r#""spec":{"#, &format!(r#""spec":{{{more},"#), 1);
    let skipped = format!(
        r#"{{"request":{{"options":{}{},"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let labels: String = (0..100_000).map(|n| format!(r#""l-{n}":"","#)).collect();
    let table: Vec<(&str, String)> = vec![
        ("as it should be", whole.clone()),
        ("white space around it", format!("\r\n\t {whole} \n")),
        (
            "100 deep",
            spec(&format!(r#""a":{}{}"#, "[".repeat(100), "]".repeat(100))),
        ),
        (
            "deep where nobody looks",
            whole.replacen(r#"{"request":{"#, &skipped, 1),
        ),
        (
            "a number beyond 64 bits",
            spec(r#""a":18446744073709551616"#),
        ),
        ("minus nought", spec(r#""a":-0"#)),
        ("the character 0", spec(r#""a":"\u0000""#)),
        (
            "a key of a million bytes",
            spec(&format!(r#""{}":1"#, "k".repeat(1_000_000))),
        ),
        (
            "100 000 labels",
            whole.replacen(
                r#""name":"demo","namespace""#,
                &format!(r#""labels":{{{}"z":""}},"name":"demo","namespace""#, labels),
                1,
            ),
        ),
        // As the API server's own decoder has it.
        (
            "a key twice, the last one counts",
            spec(r#""paused":7,"paused":false"#),
        ),
    ];
    let router = server();
    for (case, body) in table {
        check(&router, case, body, &Expected::Passes).await;
    }
}

#[tokio::test]
async fn of_two_equal_keys_the_last_one_is_judged() {
    let whole = review().to_string();
    let body = whole.replacen(r#""spec":{"#, r#""spec":{"paused":false,"paused":7,"#, 1);
    let expected = Expected::Refused(422, "BSP-F001", "spec.paused");
    check(&server(), "paused twice", body, &expected).await;
}

/// The API server always says JSON; whoever says something else means it as well.
#[tokio::test]
async fn the_content_type_does_not_matter_and_the_method_does() {
    let router = server();
    for content_type in ["application/json", "text/plain", "application/yaml", ""] {
        let request = Request::post("/mutate")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(review().to_string()))
            .unwrap();
        assert_eq!(
            send(&router, request).await.0,
            StatusCode::OK,
            "{content_type}"
        );
    }
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
    ] {
        for path in crate::PHASES {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::from(review().to_string()))
                .unwrap();
            let (status, _) = send(&router, request).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
}

/// Seven mebibytes of something that has to be looked at, and not only of white space.
#[tokio::test]
async fn the_largest_body_is_judged_and_a_larger_one_refused() {
    const LIMIT: usize = basphere_webhook::router::BODY_LIMIT;
    let filled = |size: usize| {
        let mut review = with("/request/object/spec/paused", json!(7));
        review["request"]["object"]["metadata"]["annotations"] = json!({"a": ""});
        let room = size - review.to_string().len();
        review["request"]["object"]["metadata"]["annotations"]["a"] = json!("x".repeat(room));
        let body = review.to_string();
        assert_eq!(body.len(), size);
        body
    };
    let router = server();
    let expected = Expected::Refused(422, "BSP-F001", "spec.paused");
    check(&router, "7 MiB", filled(LIMIT), &expected).await;
    let words = "the review is larger than 7 MiB\n";
    let expected = Expected::Words(StatusCode::PAYLOAD_TOO_LARGE, words);
    check(&router, "7 MiB and a byte", filled(LIMIT + 1), &expected).await;
}
