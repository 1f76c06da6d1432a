//! `clusterctl move` takes objects to another management cluster: it marks each, then deletes it, and
//! what it runs on keeps its addresses.

use serde_json::Value;

use super::own_name;
use crate::change::Draft;
use crate::context::Context;
use crate::json::token;
use crate::site::Trust;
use crate::{Code, keys};

/// Keeps the addresses of what is about to be moved. Who runs a tenant's clusters elsewhere is an
/// admin's business: an address that is kept is lost to everybody until an admin gives it back. True
/// when the object is leaving, so that nothing else is asked for it.
pub(super) fn check(context: &Context<'_>, draft: &mut Draft<'_>) -> bool {
    let pointer = format!("/metadata/annotations/{}", token(keys::DELETE_FOR_MOVE));
    let is_marked =
        |object: Option<&Value>| object.is_some_and(|it| it.pointer(&pointer).is_some());
    if !is_marked(Some(draft.object())) || draft.old().is_none() {
        return false;
    }
    if is_marked(draft.old()) {
        return true;
    }
    if context.trust() == Trust::Person {
        let message = "only admins move objects to another management cluster";
        let hint = Some("leave the annotation out".to_owned());
        draft.found(Code::FieldOfControllers, &pointer, message, hint);
    } else if let Some(name) = own_name(context, draft) {
        let kind = context.kind().as_str();
        context.at_desk(|desk| desk.move_away(&context.request.namespace, kind, name));
    }
    true
}
