//! All objects of a kind, one page after another.

use kube::core::params::ListParams;
use kube::core::{DynamicObject, Request, Resource as _, request};
use serde::Deserialize;
use serde_json::Value;

use super::Stored;

/// No page has more objects.
pub const LARGEST_PAGE: u32 = 500;
/// Of how large the objects are, nothing is known before the first page.
const FIRST_PAGE: u32 = 100;
const SMALLEST_PAGE: u32 = 10;
/// What a page should not exceed by much: in memory its objects take several times as much.
const BYTES: usize = 4 * 1024 * 1024;

/// Where a list has come to. Its pages are read without a resource version: from the first one on they show one moment,
/// and the API server pages only what is asked for so.
#[derive(Debug)]
pub struct Pages {
    stored: Stored,
    namespace: Option<String>,
    limit: u32,
    next: Next,
    is_second_try: bool,
}

#[derive(Debug)]
enum Next {
    First,
    Token(String),
    End,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMetadata,
    // Go writes null for a list that was never made.
    items: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    token: String,
}

impl Pages {
    /// The objects of a kind, of one namespace or of all.
    #[must_use]
    pub fn new(stored: Stored, namespace: Option<String>) -> Self {
        Self {
            stored,
            namespace,
            limit: FIRST_PAGE,
            next: Next::First,
            is_second_try: false,
        }
    }

    /// What is to be asked for next; nothing after the last page.
    ///
    /// # Errors
    /// When the kind has a name that no URL can have.
    pub fn request(&self) -> Result<Option<http::Request<Vec<u8>>>, request::Error> {
        let parameters = ListParams::default().limit(self.limit);
        let parameters = match &self.next {
            Next::End => return Ok(None),
            Next::First => parameters,
            Next::Token(token) => parameters.continue_token(token),
        };
        let path = DynamicObject::url_path(&self.stored.resource, self.namespace.as_deref());
        Request::new(path).list(&parameters).map(Some)
    }

    /// The objects of an answer, each with its `apiVersion` and `kind`, which lists leave out.
    ///
    /// # Errors
    /// When it is no list.
    pub fn take(&mut self, answer: &str) -> serde_json::Result<Vec<Value>> {
        let list: List = serde_json::from_str(answer)?;
        let mut items = list.items.unwrap_or_default();
        for item in &mut items {
            if let Some(fields) = item.as_object_mut() {
                let resource = &self.stored.resource;
                fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
                fields.insert("kind".to_owned(), resource.kind.clone().into());
            }
        }
        self.limit = limit(answer.len(), items.len());
        self.next = match list.metadata.token {
            token if token.is_empty() => Next::End,
            token => Next::Token(token),
        };
        Ok(items)
    }

    /// The API server does not have the rest any more (410): it was too long ago. Everything is asked for again, once;
    /// whether that is so. What was taken until now is to be forgotten then.
    #[must_use]
    pub fn begin_again(&mut self) -> bool {
        self.next = Next::First;
        !std::mem::replace(&mut self.is_second_try, true)
    }
}

/// How many objects of the size that was seen make a page.
fn limit(bytes: usize, objects: usize) -> u32 {
    let each = bytes.checked_div(objects).unwrap_or_default().max(1);
    let limit = u32::try_from(BYTES / each).unwrap_or(LARGEST_PAGE);
    limit.clamp(SMALLEST_PAGE, LARGEST_PAGE)
}
