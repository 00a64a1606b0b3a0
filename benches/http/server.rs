//! Servers as child processes, and the kernel's accounting of them.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::load::{self, Load};

/// A server under load.
pub(crate) struct Process {
    child: Child,
    address: String,
    _directory: Option<tempfile::TempDir>,
}

/// What a load came to.
pub(crate) struct Measured {
    /// CPU time of the server per request, in microseconds.
    pub cpu_micros: f64,
    /// Requests per second.
    pub per_second: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} µs CPU, {:.0}/s", self.cpu_micros, self.per_second)
    }
}

const EXPERIMENT: &str = r#"
key = "bench"
status = "running"
variants = [{ key = "control", payload = { v = "control" } }, { key = "a", payload = { v = "a" } }, { key = "b", payload = { v = "b" } }, { key = "c", payload = { v = "c" } }]
metrics = [
  { key = "purchase", event = "Order Completed", kind = "conversion", role = "goal" },
  { key = "revenue", event = "Order Completed", kind = "sum", property = "revenue" },
]
"#;

impl Process {
    /// The bare actix handler, which answers these flags.
    pub(crate) fn floor(flags: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        Self::start(command.args(["floor", flags]), None)
    }

    /// Upswing with so many experiments of four variants.
    pub(crate) fn upswing(experiments: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("experiments");
        std::fs::create_dir(&folder).unwrap();
        for number in 0..experiments {
            let key = if number == 0 {
                "bench".to_owned()
            } else {
                format!("flag-{number:02}")
            };
            let definition = EXPERIMENT.replace("\"bench\"", &format!("\"{key}\""));
            std::fs::write(folder.join(format!("{key}.toml")), definition).unwrap();
        }
        let experiments = folder;
        let mut command = Command::new(env!("CARGO_BIN_EXE_upswing"));
        command
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--workers", "1", "--log", "info"]);
        command
            .arg("--data")
            .arg(directory.path().join("data"))
            .arg("--experiments")
            .arg(experiments);
        Self::start(&mut command, Some(directory))
    }

    fn start(command: &mut Command, directory: Option<tempfile::TempDir>) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().to_owned();
        std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
        Self {
            child,
            address,
            _directory: directory,
        }
    }

    /// What it answers to a visitor who asks for all flags.
    pub(crate) fn flags(&self, visitor: usize) -> String {
        let url = format!("http://{}/ofrep/v1/evaluate/flags", self.address);
        let answer = ureq::post(&url)
            .content_type("application/json")
            .send(load::flags(visitor));
        answer.unwrap().body_mut().read_to_string().unwrap()
    }

    /// Loads the server from another process.
    pub(crate) fn load(&self, load: &Load) -> Measured {
        let before = self.cpu_nanos();
        let mut generator = Command::new(std::env::current_exe().unwrap());
        let output = generator
            .arg("load")
            .arg(&self.address)
            .args(load.arguments())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let seconds: f64 = String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let requests = load.requests as f64;
        let cpu = (self.cpu_nanos() - before) as f64;
        Measured {
            cpu_micros: cpu / 1e3 / requests,
            per_second: requests / seconds,
        }
    }

    /// Nanoseconds all threads of the server have run.
    fn cpu_nanos(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let ran = |task: std::fs::DirEntry| {
            let schedstat =
                std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            schedstat
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse::<u64>().ok())
                .unwrap_or(0)
        };
        tasks.flatten().map(ran).sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
