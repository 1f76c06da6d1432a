//! Sizes of machines: they stand in templates, which come and go by themselves.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::renter::{Renter, ensure_says};

both_versions!(
    a_template_that_comes_first_gives_the_size,
    a_template_that_comes_later_is_charged_for_what_refers_to_it,
    template_and_deployment_at_the_same_moment_are_both_charged,
    another_template_is_charged_again,
    machines_of_a_former_template_are_charged_until_they_are_gone,
    a_larger_machine_than_the_largest_is_refused,
);

fn a_template_that_comes_first_gives_the_size(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"vcpus": 16, "memoryMiB": 100_000}))?;
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.template("workers", "medium"))?;
    let said = renter.create_refused(&renter.deployment("workers", "demo", 5))?;
    ensure_says(
        &said,
        &format!(
            "spec.replicas: Forbidden: quota {}: vCPUs requested +20, used 0, limit 16, exceeded by 4; at most 4 replicas fit [BSP-Q005]; kubectl basphere quota explain",
            renter.name
        ),
    )?;
    renter.create(&renter.deployment("workers", "demo", 4))?;
    renter.wait_for(&renter.name, "vcpus", "16/16")?;
    renter.wait_for(&renter.name, "memoryMiB", "32768/100000")
}

fn a_template_that_comes_later_is_charged_for_what_refers_to_it(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"vcpus": 16}))?;
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.deployment("workers", "demo", 5))?;
    let said = renter.create_refused(&renter.template("workers", "medium"))?;
    ensure_says(
        &said,
        &format!(
            "spec.template.spec: Forbidden: quota {}: vCPUs requested +20, used 0, limit 16, exceeded by 4; at most 16 more fit [BSP-Q005]; kubectl basphere quota explain",
            renter.name
        ),
    )?;
    renter.create(&renter.template("workers", "small"))?;
    renter.wait_for(&renter.name, "vcpus", "10/16")
}

/// Each alone fits. Whichever is first, the other is charged with it.
fn template_and_deployment_at_the_same_moment_are_both_charged(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"vcpus": 16}))?;
    renter.create(&renter.cluster("demo"))?;
    for round in 0..5 {
        let name = format!("workers-{round}");
        let objects = [
            renter.deployment(&name, "demo", 5),
            renter.template(&name, "medium"),
        ];
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let each = objects
                .iter()
                .map(|object| scope.spawn(move || renter.create(object)));
            let running: Vec<_> = each.collect();
            let joined = running.into_iter().map(|one| one.join());
            joined.filter_map(std::result::Result::ok).collect()
        });
        let (admitted, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        ensure!(
            admitted.len() == 1 && refused.len() == 1,
            "{admitted:?} {refused:?}"
        );
        for said in refused.into_iter().filter_map(Result::err) {
            ensure_says(
                &format!("{said:#}"),
                "vCPUs requested +20, used 0, limit 16",
            )?;
        }
        let names = [
            "delete",
            "machinedeployment,vspheremachinetemplate",
            "--all",
        ];
        renter.run(&names, &Value::Null)?;
        renter.wait_for(&renter.name, "nodes", "0/-")?;
    }
    Ok(())
}

fn another_template_is_charged_again(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"vcpus": 16}))?;
    renter.create(&renter.cluster("demo"))?;
    for (name, size) in [("workers", "small"), ("larger", "large")] {
        renter.create(&renter.template(name, size))?;
    }
    renter.create(&renter.deployment("workers", "demo", 4))?;
    let larger = json!({"spec": {"template": {"spec": {"infrastructureRef": {"name": "larger"}}}}});
    let larger = larger.to_string();
    let arguments = [
        "patch",
        "machinedeployment/workers",
        "--type=merge",
        "-p",
        &larger,
    ];
    let said = renter.refused(&arguments, &Value::Null)?;
    ensure_says(
        &said,
        "vCPUs requested +24, used 8, limit 16, exceeded by 16; at most 2 replicas fit [BSP-Q005]",
    )?;
    renter.run(
        &["scale", "machinedeployment/workers", "--replicas=2"],
        &Value::Null,
    )?;
    renter.wait_for(&renter.name, "vcpus", "4/16")?;
    renter.run(&arguments, &Value::Null)?;
    renter.wait_for(&renter.name, "vcpus", "16/16")
}

fn machines_of_a_former_template_are_charged_until_they_are_gone(
    renter: &Renter<'_>,
) -> Result<()> {
    renter.limit_own(&json!({"vcpus": 20}))?;
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.template("workers", "large"))?;
    renter.create(&renter.deployment("workers", "demo", 2))?;
    renter.admin(&["create", "-f", "-"], &renter.machine("one", "workers", 8))?;
    renter.wait_for(&renter.name, "vcpus", "16/20")?;
    let template = "vspheremachinetemplate/workers";
    renter.run(&["delete", template], &Value::Null)?;
    renter.create(&renter.template("workers", "small"))?;
    let said = renter.refused(
        &["scale", "machinedeployment/workers", "--replicas=3"],
        &Value::Null,
    )?;
    ensure_says(&said, "vCPUs requested +8, used 16, limit 20")?;
    renter.admin(
        &["delete", "vspheremachine/one", "-n", &renter.namespace],
        &Value::Null,
    )?;
    renter.wait_for(&renter.name, "vcpus", "4/20")
}

fn a_larger_machine_than_the_largest_is_refused(renter: &Renter<'_>) -> Result<()> {
    renter.limit_own(&json!({"largestNodeSpec": "medium"}))?;
    let said = renter.create_refused(&renter.template("workers", "large"))?;
    ensure_says(
        &said,
        &format!(
            "spec.template.spec: Forbidden: quota {}: largest node spec requested 8 CPUs, 16384 MiB, 200 GiB, limit medium (4 CPUs, 8192 MiB, 100 GiB); set basphere.dev/node-spec: medium [BSP-Q013]; kubectl basphere quota explain",
            renter.name
        ),
    )?;
    renter
        .create(&renter.template("workers", "medium"))
        .map(drop)
}
