//! What happens behind the webhook's back: ledgers that are lost, or older than what is stored, and
//! objects that nobody charged.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use basphere_harness::{Stop, wait};
use serde_json::{Value, json};

use crate::renter::{PATIENCE, Renter, ensure_says};

both_versions_alone!(
    a_lost_ledger_is_counted_again_before_anything_grows,
    an_older_ledger_is_brought_up_to_date,
    what_was_created_meanwhile_is_booked,
    a_tenant_that_was_deleted_meanwhile_is_counted_again,
);

impl Renter<'_> {
    fn write_status(&self, name: &str, status: &Value) -> Result<()> {
        let patch = json!([{"op": "add", "path": "/status", "value": status}]).to_string();
        let tenant = format!("tenant/{name}");
        let arguments = [
            "patch",
            &tenant,
            "--subresource=status",
            "--type=json",
            "-p",
            &patch,
        ];
        self.admin(&arguments, &Value::Null).map(drop)
    }

    /// Ends the webhook, and takes its registration away, so that the API server asks nobody.
    fn send_away(&self) -> Result<()> {
        self.sandbox.stop_webhook(Stop::Terminate)?;
        for kind in ["mutating", "validating"] {
            let name = format!("{kind}webhookconfiguration/basphere");
            let arguments = ["delete", &name, "--ignore-not-found"];
            self.admin(&arguments, &Value::Null)?;
        }
        Ok(())
    }

    /// Creates something as soon as the API server asks nobody any more.
    fn create_unasked(&self, object: &Value) -> Result<()> {
        let mut labelled = object.clone();
        // These the webhook would have filled in.
        labelled["metadata"]["labels"] = json!({"basphere.dev/owner": self.name});
        self.create_soon(&labelled)
    }

    fn metric(&self, name: &str) -> Result<f64> {
        let url = self.sandbox.metrics_url()?;
        let address = url.strip_prefix("http://").context("no plain HTTP")?;
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let values = answer.lines().filter(|line| line.starts_with(name));
        let values = values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    fn drift(&self) -> Result<f64> {
        self.metric("basphere_quota_drift")
    }

    fn is_told_of_drift(&self, objects: usize) -> Result<()> {
        let mut said = String::new();
        let told = wait::until("an Event tells of it", PATIENCE, || {
            let selector = format!(
                "--field-selector=reason=QuotaDrift,involvedObject.name={}",
                self.name
            );
            let arguments = ["get", "events", "--all-namespaces", &selector, "-o=json"];
            said = self.admin(&arguments, &Value::Null)?;
            let text = format!("{objects} objects were stored without being charged");
            Ok(said.contains(&text).then_some(()))
        });
        told.context(said)
    }
}

/// kubectl heeds that it is to try again, so that a person waits, and need not do anything.
fn a_lost_ledger_is_counted_again_before_anything_grows(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("demo"))?;
    renter.create(&renter.deployment("workers", "demo", 4))?;
    renter.settle()?;
    let (object, other) = ("machinedeployments/workers", renter.cluster("other"));
    // At this verbosity kubectl shows each answer.
    let scale = |number: &str| {
        let replicas = format!("--replicas={number}");
        renter.run(&["scale", object, &replicas, "--v=8"], &Value::Null)
    };
    renter.write_status(&renter.name, &json!({}))?;
    let grown = std::thread::scope(|scope| {
        let growing = scope.spawn(|| renter.run(&["create", "--v=8", "-f", "-"], &other));
        // What shrinks, and what is the same, waits for nothing.
        let shrunk = scale("3")?;
        ensure!(!shrunk.contains("503 Service Unavailable"), "{shrunk}");
        renter.run(&["label", "cluster/demo", "team=x"], &Value::Null)?;
        let grown = growing.join();
        grown.map_err(|_| anyhow::anyhow!("a client panicked"))?
    })?;
    ensure_says(&grown, "503 Service Unavailable")?;
    let log = std::fs::read_to_string(renter.sandbox.webhook_log())?;
    let is_it = |line: &&str| line.contains(&renter.namespace) && line.contains("BSP-Q015");
    ensure!(log.lines().any(|line| is_it(&line)), "{log}");
    renter.wait_for(&renter.name, "nodes", "3/-")?;
    renter.wait_for(&renter.name, "clusters", "2/3")?;
    scale("10")?;
    let said = renter.refused(&["scale", object, "--replicas=11"], &Value::Null)?;
    ensure_says(&said, "requested +1, used 10, limit 10, exceeded by 1")
}

fn an_older_ledger_is_brought_up_to_date(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("a"))?;
    renter.create(&renter.cluster("gone"))?;
    renter.settle()?;
    let older = renter.tenant(&renter.name)?["status"].clone();
    renter.run(&["delete", "cluster/gone"], &Value::Null)?;
    renter.create(&renter.cluster("b"))?;
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.settle()?;
    renter.wait_for(&renter.name, "clusters", "2/3")?;
    let before = renter.drift()?;
    renter.write_status(&renter.name, &older)?;
    renter.wait_for(&renter.name, "nodes", "4/-")?;
    renter.wait_for(&renter.name, "clusters", "2/3")?;
    ensure!(
        renter.drift()? >= before + 2.0,
        "{} after {before}",
        renter.drift()?
    );
    renter.is_told_of_drift(2)
}

fn what_was_created_meanwhile_is_booked(renter: &Renter<'_>) -> Result<()> {
    renter.create(&renter.cluster("a"))?;
    renter.settle()?;
    renter.send_away()?;
    for name in ["b", "c", "d"] {
        renter.create_unasked(&renter.cluster(name))?;
    }
    renter.run(&["delete", "cluster/a"], &Value::Null)?;
    renter.create_unasked(&renter.cluster("e"))?;
    renter.sandbox.start_webhook()?;
    renter.wait_for(&renter.name, "clusters", "4/3")?;
    renter.is_told_of_drift(4)?;
    let said = renter.create_refused(&renter.cluster("f"))?;
    ensure_says(
        &said,
        "clusters requested +1, used 4, limit 3, exceeded by 2; none is left [BSP-Q001]",
    )?;
    renter.run(&["delete", "cluster/b", "cluster/c"], &Value::Null)?;
    renter.wait_for(&renter.name, "clusters", "2/3")?;
    renter.create(&renter.cluster("f")).map(drop)
}

fn a_tenant_that_was_deleted_meanwhile_is_counted_again(renter: &Renter<'_>) -> Result<()> {
    for name in ["a", "b"] {
        renter.create(&renter.cluster(name))?;
    }
    renter.create(&renter.deployment("workers", "a", 4))?;
    renter.settle()?;
    renter.send_away()?;
    let tenant = format!("tenant/{}", renter.name);
    wait::until("the Tenant may be deleted", PATIENCE, || {
        let admin = renter.sandbox.admin();
        let outcome = renter.run_as(admin, &["delete", &tenant], &Value::Null)?;
        Ok(outcome.succeeded().then_some(()))
    })?;
    renter.sandbox.start_webhook()?;
    renter.wait_for(&renter.name, "clusters", "2/3")?;
    renter.wait_for(&renter.name, "nodes", "4/-")?;
    renter.create(&renter.cluster("c"))?;
    let said = renter.create_refused(&renter.cluster("d"))?;
    ensure_says(
        &said,
        "clusters requested +1, used 3, limit 3, exceeded by 1",
    )
}
