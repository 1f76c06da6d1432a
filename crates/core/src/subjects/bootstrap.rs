//! KubeadmConfigTemplate: how workers join. The KubeadmConfig of a machine is never touched: its
//! control plane compares it with its own spec and would roll for ever.

use super::kubeadm;
use crate::change::Draft;
use crate::context::Context;

pub(super) fn complete(context: &Context<'_>, draft: &mut Draft<'_>) {
    if !context.is_create() {
        draft.only_put_back();
    }
    kubeadm::complete_node_registration(context, draft, "/spec/template/spec/joinConfiguration");
}
