//! Reviews that are strange, and do no harm.

use serde_json::{Value, json};

use crate::{Expected, check, put, server, with};

#[tokio::test]
async fn whatever_is_not_read_may_be_anything() {
    let router = server();
    for (pointer, value) in [
        (
            "/request/resource",
            json!({"group": "", "version": "v1", "resource": "pods"}),
        ),
        ("/request/requestKind", json!(7)),
        ("/request/options", json!("x")),
        ("/request/userInfo/extra", json!([1, 2])),
        ("/request/dryRun", Value::Null),
        ("/response", json!({"allowed": true, "uid": "u-2"})),
        ("/request/object/status", json!("x")),
    ] {
        let case = format!("{pointer} = {value}");
        let body = with(pointer, value).to_string();
        check(&router, &case, body, &Expected::Passes).await;
    }
}

/// The uid is the API server's; it gets back what it sent, however long. Names that are too long are
/// refused by the API server itself, in words of its own, before anything is stored.
#[tokio::test]
async fn long_texts_do_no_harm() {
    let router = server();
    let long = "x".repeat(1_000_000);
    let (status, answer) = crate::support::post(
        &router,
        "/mutate",
        with("/request/uid", json!(long)).to_string(),
    )
    .await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (status.as_u16(), &answer["response"]["uid"]),
        (200, &json!(long))
    );

    let name = json!("n".repeat(254));
    let review = put(
        with("/request/name", name.clone()),
        "/request/object/metadata/name",
        name,
    );
    check(
        &router,
        "a name of 254",
        review.to_string(),
        &Expected::Refused(422, "BSP-N001", "metadata.name"),
    )
    .await;

    let labels = json!({ long.as_str(): 7 });
    let review = with("/request/object/metadata/labels", labels);
    let (_, answer) = crate::support::post(&router, "/mutate", review.to_string()).await;
    assert!(answer.len() < 4000, "the answer has {} bytes", answer.len());
}
