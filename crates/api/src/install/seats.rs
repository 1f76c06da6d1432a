//! Seats of its own at the API server: callers hold theirs while the webhook reads and writes for them,
//! and without seats of its own it would wait for those who wait for it.

use k8s_openapi::api::flowcontrol::v1::{
    FlowSchema, FlowSchemaSpec, LimitResponse, LimitedPriorityLevelConfiguration,
    PolicyRulesWithSubjects, PriorityLevelConfiguration, PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec, QueuingConfiguration, ResourcePolicyRule,
    ServiceAccountSubject, Subject,
};

use super::{NAME, NAMESPACE, cluster_wide};

/// Before all schemas that Kubernetes brings along for service accounts (9000), and behind those that
/// keep the control plane itself alive.
const PRECEDENCE: i32 = 500;

pub(super) fn priority_level() -> PriorityLevelConfiguration {
    PriorityLevelConfiguration {
        metadata: cluster_wide(),
        spec: PriorityLevelConfigurationSpec {
            type_: "Limited".to_owned(),
            limited: Some(LimitedPriorityLevelConfiguration {
                nominal_concurrency_shares: Some(50),
                limit_response: LimitResponse {
                    type_: "Queue".to_owned(),
                    queuing: Some(QueuingConfiguration {
                        queues: Some(16),
                        hand_size: Some(4),
                        queue_length_limit: Some(200),
                    }),
                },
                ..LimitedPriorityLevelConfiguration::default()
            }),
            exempt: None,
        },
        status: None,
    }
}

pub(super) fn flow_schema() -> FlowSchema {
    let all = || vec!["*".to_owned()];
    FlowSchema {
        metadata: cluster_wide(),
        spec: FlowSchemaSpec {
            matching_precedence: Some(PRECEDENCE),
            priority_level_configuration: PriorityLevelConfigurationReference {
                name: NAME.to_owned(),
            },
            rules: Some(vec![PolicyRulesWithSubjects {
                subjects: vec![Subject {
                    kind: "ServiceAccount".to_owned(),
                    service_account: Some(ServiceAccountSubject {
                        name: NAME.to_owned(),
                        namespace: NAMESPACE.to_owned(),
                    }),
                    ..Subject::default()
                }],
                resource_rules: Some(vec![ResourcePolicyRule {
                    api_groups: all(),
                    cluster_scope: Some(true),
                    namespaces: Some(all()),
                    resources: all(),
                    verbs: all(),
                }]),
                non_resource_rules: None,
            }]),
            distinguisher_method: None,
        },
        status: None,
    }
}
