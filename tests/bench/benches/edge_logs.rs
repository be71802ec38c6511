//! edge-logs in the sandbox beside the same crate compiled natively: the same log, the same payload, the same result.
//!
//! Criterion gives each one's own figures. The ratio at the end is measured in turns, since the speed of a machine drifts.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to clean up")]

use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::GzEncoder;
use mainworker_domain::configuration::Granted as Configuration;
use mainworker_domain::limits::LimitValues;
use mainworker_domain::manifest::Access;
use mainworker_domain::outcome::AttemptEnd;
use mainworker_models::EdgeLogsPayload;
use mainworker_sandbox::attempt::{AttemptRequest, AttemptTask};
use mainworker_sandbox::capabilities::files::Mount;
use mainworker_sandbox::capabilities::{self, Offer};
use mainworker_sandbox::module::{Module, Sandbox};
use mainworker_sandbox::module_file::ModuleFile;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const LOG_BYTES: usize = 128 << 20;
const TURNS: usize = 7;

fn main() {
    let Some(module) = module_bytes() else {
        println!("target/modules/edge-logs.wasm is not there: run `mainworker module build edge-logs` first");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let log = log();
    fs::write(folder.path().join("plain.log"), &log).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&log).unwrap();
    fs::write(folder.path().join("gzip.log.gz"), gzip.finish().unwrap()).unwrap();

    let twins = Twins::new(module, folder.path());
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(8)).configure_from_args();
    for file in ["plain.log", "gzip.log.gz"] {
        assert_eq!(twins.native(file), twins.wasm(file), "the twins agree");
        let mut group = criterion.benchmark_group(format!("edge-logs {file}"));
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function("native", |bench| bench.iter(|| twins.native(file)));
        group.bench_function("wasm", |bench| bench.iter(|| twins.wasm(file)));
        group.finish();
        print_ratio(&twins, file);
    }
    criterion.final_summary();
}

fn print_ratio(twins: &Twins, file: &str) {
    let seconds = |run: &dyn Fn() -> String| {
        let started = Instant::now();
        run();
        started.elapsed().as_secs_f64()
    };
    let (mut native, mut wasm) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        native.push(seconds(&|| twins.native(file)));
        wasm.push(seconds(&|| twins.wasm(file)));
    }
    let rate = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        f64::from(u32::try_from(LOG_BYTES >> 20).unwrap()) / times[times.len() / 2]
    };
    let (native, wasm) = (rate(&mut native), rate(&mut wasm));
    println!("{file}: native {native:.0} MiB/s, wasm {wasm:.0} MiB/s, wasm ÷ native = {:.2}", wasm / native);
}

/// The module as `module build` leaves it.
fn module_bytes() -> Option<Vec<u8>> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    fs::read(target.join("modules/edge-logs.wasm")).ok()
}

/// The job in both builds, over the same folder.
struct Twins {
    runtime: Runtime,
    sandbox: Sandbox,
    module: Arc<Module>,
    offer: Offer,
    folder: PathBuf,
}

impl Twins {
    fn new(module: Vec<u8>, folder: &Path) -> Self {
        let sandbox = Sandbox::start(&LimitValues::default(), None).unwrap();
        let module = sandbox.prepare(&ModuleFile::admit(module).unwrap()).unwrap();
        let mut offer = Offer::default();
        let mount = Mount { path: folder.to_owned(), access: Access::Read };
        offer.mounts.insert("edge-logs".to_owned(), mount);
        let runtime = Runtime::new().unwrap();
        Self { runtime, sandbox, module: Arc::new(module), offer, folder: folder.to_owned() }
    }

    fn payload(file: &str) -> String {
        format!(r#"{{"files":["{file}"],"format":"combined","accounts":{{"files":"a","images":"b"}}}}"#)
    }

    fn native(&self, file: &str) -> String {
        let payload: EdgeLogsPayload = serde_json::from_str(&Self::payload(file)).unwrap();
        let report = edge_logs::process(&self.folder, None, payload, "bench", &mut |_, _| {});
        serde_json::to_string(&report.unwrap()).unwrap()
    }

    fn wasm(&self, file: &str) -> String {
        let request = AttemptRequest {
            module: Arc::clone(&self.module),
            task: AttemptTask {
                id: "bench".to_owned(),
                source: "dashboard".to_owned(),
                attempt: 1,
                max_attempts: 1,
                tags: Vec::new(),
            },
            payload: Self::payload(file),
            configuration: Configuration::new(),
            granted: capabilities::check(self.module.revision().manifest(), None, &self.offer).unwrap(),
            listener: None,
            stop: Arc::default(),
        };
        match self.runtime.block_on(self.sandbox.attempt(request)).end {
            AttemptEnd::Completed { result } => result,
            other => other.message(),
        }
    }
}

/// A plain combined log.
fn log() -> Vec<u8> {
    let streams = ["files", "images", "presentations", "blog", "articles", "style", "projects"];
    let mut log = Vec::with_capacity(LOG_BYTES + 512);
    let mut line = 0_usize;
    while log.len() < LOG_BYTES {
        let stream = streams[line % streams.len()];
        writeln!(
            log,
            "203.0.113.{} - - [17/May/2015:{:02}:{:02}:{:02} +0000] \"GET /{stream}/part-{line}.ts?session={} HTTP/1.1\" 200 {} \
             \"https://player.example/watch/{stream}\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"",
            line % 250,
            line / 3_600 % 24,
            line / 60 % 60,
            line % 60,
            line * 7,
            1_000 + line * 31 % 900_000,
        )
        .unwrap();
        line += 1;
    }
    log
}
