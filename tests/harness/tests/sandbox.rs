//! The sandbox without the webhook: who may do what, and which versions are served.

use anyhow::{Context, Result, ensure};
use basphere_harness::{ApiVersion, Outcome, Sandbox, SandboxOptions, User, run};

#[test]
fn tenants_are_confined_and_v1beta1_alone_is_served() -> Result<()> {
    check(ApiVersion::V1Beta1)
}

#[test]
fn tenants_are_confined_and_v1beta2_alone_is_served() -> Result<()> {
    check(ApiVersion::V1Beta2)
}

fn check(api_version: ApiVersion) -> Result<()> {
    let options = SandboxOptions {
        api_version,
        webhook: false,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(&options)?;
    one_version_is_served(&sandbox)?;
    a_tenant_is_confined(&sandbox)?;
    status_is_not_for_tenants_but_scale_is(&sandbox)?;
    several_groups_reach_the_api_server(&sandbox)
}

fn one_version_is_served(sandbox: &Sandbox) -> Result<()> {
    let expected = sandbox.api_version().as_str();
    let versions = "jsonpath={range .items[*]}{.spec.group} {.spec.versions[*].name}{\"\\n\"}{end}";
    let listed = kubectl(
        sandbox,
        sandbox.ops(),
        &["get", "crd", "--output", versions],
        "",
    )?
    .stdout()?;
    let cluster_api: Vec<&str> = listed
        .lines()
        .filter(|line| line.contains("cluster.x-k8s.io "))
        .collect();
    ensure!(
        cluster_api.len() > 20,
        "only these CRDs are there:\n{listed}"
    );
    for (kind, version) in [
        ("vsphereclusters", expected),
        (
            "openstackclusters",
            match sandbox.api_version() {
                ApiVersion::V1Beta1 => "v1alpha7",
                ApiVersion::V1Beta2 => "v1beta1",
            },
        ),
        ("metal3clusters", "v1beta1"),
    ] {
        let name = format!("{kind}.infrastructure.cluster.x-k8s.io");
        let served = "jsonpath={.spec.versions[*].name}";
        let arguments = ["get", "crd", &name, "--output", served];
        let listed = kubectl(sandbox, sandbox.ops(), &arguments, "")?.stdout()?;
        ensure!(listed == version, "{name}: {listed}");
    }
    for line in cluster_api {
        // An ExtensionConfig has no v1beta1, and keeps what it is stored as; the providers of the
        // infrastructure count their versions each for itself.
        ensure!(
            line.ends_with(&format!(" {expected}"))
                || line.starts_with("runtime.")
                || line.starts_with("infrastructure."),
            "{line}"
        );
    }
    Ok(())
}

fn a_tenant_is_confined(sandbox: &Sandbox) -> Result<()> {
    let created = kubectl(
        sandbox,
        sandbox.kim(),
        &["create", "--filename=-"],
        &cluster(sandbox),
    )?
    .stdout()?;
    ensure!(
        created.trim() == "cluster.cluster.x-k8s.io/harness created",
        "{created}"
    );
    let elsewhere = ["create", "--namespace=user-lee", "--filename=-"];
    let refused = kubectl(sandbox, sandbox.kim(), &elsewhere, &cluster(sandbox))?;
    ensure!(!refused.succeeded(), "kim created a cluster in user-lee");
    let reason = "User \"kim\" cannot create resource \"clusters\" in API group \"cluster.x-k8s.io\" \
                  in the namespace \"user-lee\"";
    ensure!(refused.stderr.contains(reason), "{}", refused.stderr);
    Ok(())
}

fn status_is_not_for_tenants_but_scale_is(sandbox: &Sandbox) -> Result<()> {
    let may = |arguments: &[&str]| -> Result<bool> {
        let words = [&["auth", "can-i"], arguments].concat();
        Ok(kubectl(sandbox, sandbox.kim(), &words, "")?.succeeded())
    };
    let deployments = "machinedeployments.cluster.x-k8s.io";
    ensure!(may(&["patch", deployments, "--subresource=scale"])?);
    ensure!(!may(&["patch", deployments, "--subresource=status"])?);
    ensure!(may(&["list", "sites.basphere.dev"])?);
    ensure!(!may(&["update", "sites.basphere.dev"])?);
    ensure!(!may(&["list", "secrets", "--namespace=kube-system"])?);
    Ok(())
}

fn several_groups_reach_the_api_server(sandbox: &Sandbox) -> Result<()> {
    let user = sandbox
        .control_plane()
        .user("oidc:kim@corp.example", &["staff", "basphere:tenants"])?;
    let review = kubectl(sandbox, &user, &["auth", "whoami", "--output=json"], "")?.stdout()?;
    let review: serde_json::Value = serde_json::from_str(&review)?;
    let info = review.pointer("/status/userInfo").context("no userInfo")?;
    ensure!(
        info.get("username") == Some(&"oidc:kim@corp.example".into()),
        "{info}"
    );
    let groups = serde_json::json!(["staff", "basphere:tenants", "system:authenticated"]);
    ensure!(info.get("groups") == Some(&groups), "{info}");
    Ok(())
}

fn cluster(sandbox: &Sandbox) -> String {
    let version = sandbox.api_version();
    format!(
        "{{apiVersion: cluster.x-k8s.io/{version}, kind: Cluster, metadata: {{name: harness}}, spec: {{paused: true}}}}"
    )
}

fn kubectl(sandbox: &Sandbox, user: &User, arguments: &[&str], stdin: &str) -> Result<Outcome> {
    run(sandbox.kubectl(user)?.args(arguments), stdin)
}
