//! [`TestApp`]: a server of its own for each test.
//!
//! The clock is manual unless a test asks otherwise, so time passes only when the test says so. Dropping the app stops
//! the server gracefully, replays its log and compares: every test is a determinism test, and none can opt out.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;

/// The first instant of a manual clock.
pub(crate) const START: &str = "2026-01-01T00:00:00.000Z";
const READY_WITHIN: Duration = Duration::from_mins(1);

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The machine's clock instead of a manual one.
    pub system_clock: bool,
    /// More arguments.
    pub args: Vec<String>,
    /// The file into which log lines go.
    pub log: Option<PathBuf>,
    /// A data directory that the caller owns instead of a temporary one.
    pub data: Option<PathBuf>,
}

/// A running server, its directories, and its client (to which it dereferences).
#[derive(Debug)]
pub(crate) struct TestApp {
    child: Option<Child>,
    client: Client,
    settings: Settings,
    directory: TempDir,
}

impl std::ops::Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestApp {
    /// A server without experiments and with a manual clock.
    pub(crate) fn start() -> Self {
        Self::with(Settings::default(), &[])
    }

    /// A server with more arguments.
    pub(crate) fn with_args(args: &[&str]) -> Self {
        let args = args.iter().map(ToString::to_string).collect();
        Self::with(
            Settings {
                args,
                ..Settings::default()
            },
            &[],
        )
    }

    /// A server with settings and experiment files (name and text).
    pub(crate) fn with(settings: Settings, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("experiments")).unwrap();
        let mut app = Self {
            child: None,
            client: Client::new(String::new()),
            settings,
            directory,
        };
        for (name, text) in files {
            app.write_file(name, text);
        }
        app.restart();
        app
    }

    pub(crate) fn data(&self) -> PathBuf {
        let own = self.directory.path().join("data");
        self.settings.data.clone().unwrap_or(own)
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Writes a file of the experiments directory.
    pub(crate) fn write_file(&self, name: &str, text: &str) {
        std::fs::write(self.experiments().join(name), text).unwrap();
    }

    /// Writes the server's `upswing.toml`, which it reads when it starts.
    pub(crate) fn write_settings(&self, text: &str) {
        std::fs::write(self.directory.path().join("upswing.toml"), text).unwrap();
    }

    pub(crate) fn experiments(&self) -> PathBuf {
        self.directory.path().join("experiments")
    }

    fn command(&self) -> Command {
        let mut command = upswing(&[]);
        command.current_dir(self.directory.path());
        command.arg("serve").args(["--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(self.data());
        command.arg("--experiments").arg(self.experiments());
        let clock = if self.settings.system_clock {
            "system"
        } else {
            "manual"
        };
        command.args(["--clock", clock]).args(&self.settings.args);
        command
    }

    /// Starts the server (again) and waits until it listens.
    pub(crate) fn restart(&mut self) {
        assert!(self.child.is_none(), "stop it first");
        let mut command = self.command();
        if let Some(log) = &self.settings.log {
            command.stderr(File::create(log).unwrap());
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, ready) = mpsc::channel();
        // Reads on to the end, so that the server never waits for a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    drop(told.send(url.to_owned()));
                }
            }
        });
        let url = ready.recv_timeout(READY_WITHIN);
        self.child = Some(child);
        self.client = Client::new(url.unwrap());
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill9(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops the server gracefully.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.wait().unwrap()
    }

    /// Asks the server to stop.
    pub(crate) fn terminate(&self) {
        let pid = self.pid().to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits until the server has exited; kills it if that takes longer than 30 seconds.
    pub(crate) fn wait(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        for _ in 0..3_000 {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        None
    }

    /// What `upswing replay` says about the data.
    pub(crate) fn replay(&self) -> Output {
        let data = self.data();
        upswing(&["replay", "--data", data.to_str().unwrap()])
            .output()
            .unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let died = self
            .child
            .as_mut()
            .and_then(|child| child.try_wait().unwrap());
        let graceful = self.child.is_none() || {
            self.terminate();
            self.wait().is_some()
        };
        let output = self.replay();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let blobs = files_in(&self.data().join("blobs"));
        if std::thread::panicking() {
            let complained = String::from_utf8_lossy(&output.stderr);
            #[expect(clippy::print_stderr, reason = "a second panic would abort")]
            {
                eprintln!("server died: {died:?}; replay: {said}{complained}");
            }
            return;
        }
        assert!(died.is_none(), "the server stopped by itself: {died:?}");
        assert!(graceful, "the server did not stop within 30 seconds");
        assert!(
            output.status.success() && said.starts_with("equal"),
            "{output:?}"
        );
        assert_eq!(blobs, 0, "values too large for a durable commit");
    }
}

fn files_in(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

/// The binary with arguments, in a directory without configuration.
pub(crate) fn upswing(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upswing"));
    command.args(args).env("UPSWING_LOG", "warn");
    command.current_dir(std::env::temp_dir());
    command
}
