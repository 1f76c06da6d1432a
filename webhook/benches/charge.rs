//! What a charge costs: judging a request and writing the ledger at a real API server, against a bare
//! update of the status of a Tenant that holds as large a ledger. Both are measured in turns, so that
//! whatever else the machine does slows both. Then, how many requests a second are charged, to one tenant
//! and to many, by one process and by several, as the replicas of an installation would.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement may fail as loudly as a test"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use basphere_api::Tenant;
use basphere_core::quota::{Ask, Charge, Wants};
use basphere_core::site::SiteSpec;
use basphere_core::{Kind, Site};
use basphere_harness::{Sandbox, SandboxOptions, User, run};
use basphere_ipam::accounts::{Order, Outcome};
use basphere_webhook::reader::KubeReader;
use basphere_webhook::till::{KubeTill, Till};
use basphere_webhook::world::World;
use futures::{StreamExt, stream};
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

/// So many objects a ledger holds meanwhile.
const SIZES: [usize; 3] = [10, 100, 1_000];
/// So many charges are measured one by one, and so many bare updates.
const PAIRS: usize = 200;
/// So many tenants are charged, by so many processes.
const TENANTS: [usize; 2] = [1, 100];
const PROCESSES: [usize; 2] = [1, 3];
/// So many charges all processes make together, so many at once.
const BURST: usize = 1_200;
const AT_ONCE: usize = 48;
/// So many objects each tenant has, whichever process changes them.
const OBJECTS: usize = 48;
/// The argument that makes a process one of those that charge: kubeconfig, its number, that of all
/// processes and that of tenants follow.
const WORKER: &str = "--worker";
const NAMESPACE: &str = "user-kim";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // An error says that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(at) = arguments.iter().position(|argument| argument == WORKER) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(work(&arguments[at + 1..]));
        return;
    }
    // Cargo's test run only sees that it is built.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let sandbox = Sandbox::start(&SandboxOptions {
        webhook: false,
        ..SandboxOptions::default()
    })
    .unwrap();
    let user = sandbox.admin();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(measure(&sandbox, user));
    burst(&sandbox, user);
}

/// A process that charges, as a replica does.
struct Bench {
    client: Client,
    till: KubeTill,
    made: AtomicUsize,
}

impl Bench {
    async fn connect(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options);
        let client = Client::try_from(config.await.unwrap()).unwrap();
        let sites: Api<basphere_api::Site> = Api::all(client.clone());
        let spec: SiteSpec = sites.get("default").await.unwrap().spec.0;
        let world = Arc::new(World::default());
        world.put_site(Site::try_from(spec).unwrap());
        let reader = Arc::new(KubeReader::new(client.clone(), Arc::default()));
        Self {
            till: KubeTill::new(client.clone(), world, reader, Arc::default()),
            client,
            made: AtomicUsize::new(0),
        }
    }

    async fn open(&self, tenant: &str) {
        let accounts = self.till.accounts(tenant, Some(NAMESPACE), false).await;
        assert!(accounts.unwrap()[0].ledger.is_some(), "{tenant}");
    }

    /// One charge, as a review makes it when a deployment grows. Each object is as it was before, at a
    /// newer version: the ledger does not grow.
    async fn charge(&self, tenant: &str, object: usize) {
        let version = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("workers-{object}");
        let machines = |replicas: u64| {
            Wants::All(Box::new(Ask {
                cluster: Some(name.clone()),
                replicas,
                ..Ask::default()
            }))
        };
        let charge = Charge {
            tenant: tenant.to_owned(),
            kind: Kind::MachineDeployment,
            namespace: NAMESPACE.to_owned(),
            uid: format!("uid-of-{name}"),
            name: name.clone(),
            stored: Some((version.to_string(), machines(1))),
            wants: machines(2),
            path: "spec.replicas".to_owned(),
            is_forced: false,
        };
        let order = Order::Charge {
            charge: Box::new(charge),
            is_group: false,
        };
        match self.till.settle(tenant, order).await {
            Outcome::Done => {}
            other => panic!("{other:?}"),
        }
    }

    /// Writes the status of a Tenant as it is, but for one word, and nothing else.
    async fn bare(&self, tenant: &mut Value) {
        let api = kube::core::ApiResource::erase::<Tenant>(&());
        let api: Api<kube::core::DynamicObject> = Api::all_with(self.client.clone(), &api);
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        tenant["status"]["summary"]["clusters"] = number.to_string().into();
        let object = serde_json::from_value(tenant.clone()).unwrap();
        let name = tenant["metadata"]["name"].as_str().unwrap();
        let parameters = PostParams::default();
        let written = api.replace_status(name, &parameters, &object).await;
        *tenant = serde_json::to_value(written.unwrap()).unwrap();
        tenant["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("managedFields");
    }

    async fn read(&self, tenant: &str) -> Value {
        let api: Api<Tenant> = Api::all(self.client.clone());
        serde_json::to_value(api.get(tenant).await.unwrap()).unwrap()
    }
}

/// The medians of a bare update, and of a charge, for ledgers of several sizes.
async fn measure(sandbox: &Sandbox, user: &User) {
    println!("objects  bare update    charge  ratio");
    for size in SIZES {
        let bench = Bench::connect(&user.kubeconfig()).await;
        let (charged, plain) = (format!("charged-{size}"), format!("plain-{size}"));
        bench.open(&charged).await;
        bench.open(&plain).await;
        stream::iter(0..size)
            .for_each_concurrent(AT_ONCE, |object| bench.charge(&charged, object))
            .await;
        let mut tenant = bench.read(&plain).await;
        tenant["status"] = bench.read(&charged).await["status"].take();
        let (mut bare, mut charge) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let started = Instant::now();
            bench.bare(&mut tenant).await;
            bare.push(started.elapsed());
            let started = Instant::now();
            bench.charge(&charged, pair % size).await;
            charge.push(started.elapsed());
        }
        let millis = |times| median(times).as_secs_f64() * 1000.0;
        let (bare, charge) = (millis(bare), millis(charge));
        println!(
            "{size:>7}  {bare:>8.2} ms  {charge:>5.2} ms  {:>5.2}",
            charge / bare
        );
    }
    delete_tenants(sandbox, user);
}

/// Charges in a second, by several processes at the same moment.
fn burst(sandbox: &Sandbox, user: &User) {
    println!("tenants  processes  charges/s ({AT_ONCE} at once)");
    for tenants in TENANTS {
        for processes in PROCESSES {
            let workers: Vec<_> = (0..processes)
                .map(|number| Worker::start(user, number, processes, tenants))
                .collect();
            let started = Instant::now();
            let running: Vec<_> = workers.into_iter().map(Worker::go).collect();
            running.into_iter().for_each(Worker::end);
            let took = started.elapsed().as_secs_f64();
            let per_second = BURST as f64 / took;
            println!("{tenants:>7}  {processes:>9}  {per_second:>9.0}");
            delete_tenants(sandbox, user);
        }
    }
}

/// The next measurement begins with nothing.
fn delete_tenants(sandbox: &Sandbox, user: &User) {
    let mut command = sandbox.kubectl(user).unwrap();
    command.args(["delete", "tenants", "--all"]);
    run(&mut command, "").unwrap().stdout().unwrap();
}

/// A process that charges, as its starter sees it.
struct Worker {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it, and waits until it knows all tenants.
    fn start(user: &User, number: usize, processes: usize, tenants: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(WORKER).arg(user.kubeconfig());
        command.args([number, processes, tenants].map(|word| word.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut worker = Self { process, said };
        worker.hear();
        worker
    }

    /// Waits for its next line.
    fn hear(&mut self) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "a process ended early");
    }

    fn go(mut self) -> Self {
        let pipe = self.process.stdin.as_mut().unwrap();
        pipe.write_all(b"go\n").unwrap();
        self
    }

    fn end(mut self) {
        self.hear();
        assert!(self.process.wait().unwrap().success());
    }
}

/// Charges its part of all, once it is told to.
async fn work(arguments: &[String]) {
    let [kubeconfig, numbers @ ..] = arguments else {
        panic!("no kubeconfig");
    };
    let numbers: Vec<usize> = numbers.iter().map(|word| word.parse().unwrap()).collect();
    let [number, processes, tenants] = numbers[..] else {
        panic!("{numbers:?}");
    };
    let bench = Bench::connect(Path::new(kubeconfig)).await;
    for tenant in 0..tenants {
        bench.open(&format!("tenant-{tenant}")).await;
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    stream::iter(0..BURST / processes)
        .for_each_concurrent(AT_ONCE / processes, |charge| {
            let bench = &bench;
            async move {
                let object = (charge / tenants * processes + number) % OBJECTS;
                let tenant = format!("tenant-{}", charge % tenants);
                bench.charge(&tenant, object).await;
            }
        })
        .await;
    println!("done");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
