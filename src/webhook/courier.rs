//! The threads: one reads the log, keeps the books and says what is sent when; one per target sends.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::message::{Message, of_frame};
use super::outbox::Outbox;
use super::transport::{self, Attempt};
use super::{Standing, StartError, Target, verdicts};
use crate::clock::Clock;
use crate::engine::{Engine, EngineError};
use crate::telemetry::{self, Stopwatch};

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How often verdicts are asked for where nothing happens.
const VERDICTS: Duration = Duration::from_mins(1);
/// How often a mere place in the log is saved.
const SAVE: Duration = Duration::from_secs(10);
/// Frames that are read of a target's log before others have their turn.
const FRAMES: usize = 500;

/// What the thread is told.
enum Mail {
    /// A message was tried.
    Tried(usize, String, Attempt),
    /// Somebody asks how it stands.
    List(oneshot::Sender<Vec<Standing>>),
    /// Somebody wants everything to be tried again.
    Redeliver(String, oneshot::Sender<Option<usize>>),
    /// Save, and stop.
    Stop,
}

/// Where people ask about webhooks.
#[derive(Clone)]
pub struct Desk(Sender<Mail>);

impl Desk {
    /// How it stands with each target.
    pub async fn list(&self) -> Vec<Standing> {
        let (answer, answered) = oneshot::channel();
        // Nobody listens where there are no targets.
        drop(self.0.send(Mail::List(answer)));
        answered.await.unwrap_or_default()
    }

    /// Tries everything of a target again at once, the dead as well; how many messages that are. `None`: no such target.
    pub async fn redeliver(&self, id: &str) -> Option<usize> {
        let (answer, answered) = oneshot::channel();
        drop(self.0.send(Mail::Redeliver(id.to_owned(), answer)));
        answered.await.unwrap_or_default()
    }
}

/// The running threads.
pub struct Couriers {
    thread: Option<JoinHandle<()>>,
    desk: Desk,
}

impl Couriers {
    /// Starts to tell targets what happens; one that is new is told what happens from now on.
    ///
    /// # Errors
    /// As what is known of the targets can not be read, or a thread can not be started.
    pub fn start(engine: Engine, targets: Vec<Target>, data: &Path) -> Result<Self, StartError> {
        let (sender, mail) = channel();
        let desk = Desk(sender.clone());
        if targets.is_empty() {
            return Ok(Self { thread: None, desk });
        }
        let directory = data.join("webhooks");
        std::fs::create_dir_all(&directory).map_err(|source| StartError::File {
            path: directory.clone(),
            source,
        })?;
        let routes = targets.into_iter().enumerate();
        let routes = routes.map(|(number, target)| {
            Route::open(&engine, (number, target), &directory, sender.clone())
        });
        let mut office = Office {
            routes: routes.collect::<Result<_, _>>()?,
            engine,
            judged: None,
        };
        let thread = std::thread::Builder::new()
            .name("webhooks".into())
            .spawn(move || office.work(&mail))
            .map_err(StartError::Thread)?;
        Ok(Self {
            thread: Some(thread),
            desk,
        })
    }

    /// Where people ask.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Stops without waiting for targets: what is on its way is told again after the next start.
    pub fn stop(self) {
        drop(self.desk.0.send(Mail::Stop));
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the webhooks had failed");
        }
    }
}

/// What the thread keeps.
struct Office {
    engine: Engine,
    routes: Vec<Route>,
    /// When verdicts were last asked for.
    judged: Option<Stopwatch>,
}

impl Office {
    fn work(&mut self, mail: &Receiver<Mail>) {
        let mut is_behind = self.step();
        loop {
            let patience = if is_behind { Duration::ZERO } else { POLL };
            match mail.recv_timeout(patience) {
                Ok(Mail::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(other) => self.open(other),
                Err(RecvTimeoutError::Timeout) => {}
            }
            is_behind = self.step();
        }
        for route in &mut self.routes {
            route.is_changed = true;
            route.save();
        }
    }

    fn open(&mut self, mail: Mail) {
        // Whoever asked may be gone.
        match mail {
            Mail::Tried(number, id, attempt) => {
                if let Some(route) = self.routes.get_mut(number) {
                    route.tried(&id, attempt);
                }
            }
            Mail::List(answer) => {
                let end = self.engine.next_sequence().unwrap_or_default();
                let standings = self.routes.iter().map(|route| route.standing(end));
                drop(answer.send(standings.collect()));
            }
            Mail::Redeliver(id, answer) => {
                let route = self.routes.iter_mut().find(|of| of.target.id == id);
                let count = route.map(|route| {
                    route.is_changed = true;
                    route.outbox.redeliver()
                });
                let _ = answer.send(count);
            }
            Mail::Stop => {}
        }
    }

    /// Reads on, looks at verdicts, saves and sends. Whether there is more to read.
    fn step(&mut self) -> bool {
        let (mut is_behind, mut has_news) = (false, false);
        for route in &mut self.routes {
            let read = route.read(&self.engine);
            is_behind |= read.is_behind;
            has_news |= read.has_news;
        }
        let is_time = |last: &Stopwatch| last.elapsed() >= VERDICTS;
        if has_news || self.judged.as_ref().is_none_or(is_time) {
            self.judge();
        }
        for route in &mut self.routes {
            route.save();
            route.send();
        }
        is_behind
    }

    fn judge(&mut self) {
        self.judged = Some(Stopwatch::start());
        let present = verdicts::present(&self.engine);
        let (snapshot, now) = (self.engine.snapshot(), self.engine.clock().now());
        let open = self.routes.iter_mut().filter(|of| of.outbox.has_room());
        for route in open {
            route.is_changed |= route.outbox.observe(&present, &snapshot, now);
        }
    }
}

/// What reading came to.
#[derive(Default)]
struct Read {
    has_news: bool,
    is_behind: bool,
}

/// The way to one target.
struct Route {
    target: Target,
    outbox: Outbox,
    path: PathBuf,
    /// The thread that sends.
    line: Sender<Message>,
    /// Whether it is sending.
    is_busy: bool,
    /// Whether the file is older than what must not be lost.
    is_changed: bool,
    saved: Stopwatch,
    /// A failure of the disk that was told already.
    complaint: Option<String>,
}

impl Route {
    fn open(
        engine: &Engine,
        (number, target): (usize, Target),
        directory: &Path,
        mail: Sender<Mail>,
    ) -> Result<Self, StartError> {
        let path = directory.join(format!("{}.json", target.id));
        let end = engine.next_sequence()?;
        let unusable = |source| StartError::File {
            path: path.clone(),
            source,
        };
        let known = Outbox::load(&path).map_err(unusable)?;
        let mut outbox = known.unwrap_or_else(|| Outbox::new(end));
        // A store that was put back from a backup has a shorter log.
        outbox.position = outbox.position.min(end);
        // From here on the target misses nothing.
        outbox.save(&path).map_err(unusable)?;
        let (line, messages) = channel::<Message>();
        let sending = target.clone();
        let body = move || {
            let agent = transport::agent(transport::TIMEOUT);
            for message in messages {
                let now = Clock::System.now();
                let attempt = transport::post(&agent, &sending, &message, now);
                // Nobody waits any more when the server stops.
                drop(mail.send(Mail::Tried(number, message.id, attempt)));
            }
        };
        std::thread::Builder::new()
            .name("webhook".into())
            .spawn(body)
            .map_err(StartError::Thread)?;
        Ok(Self {
            target,
            outbox,
            path,
            line,
            is_busy: false,
            is_changed: false,
            saved: Stopwatch::start(),
            complaint: None,
        })
    }

    fn standing(&self, end: u64) -> Standing {
        Standing {
            id: self.target.id.clone(),
            url: self.target.url.clone(),
            position: self.outbox.position,
            end,
            failures: self.outbox.failures,
            last_error: self.outbox.last_error.clone(),
            pending: self.outbox.pending.clone(),
            dead: self.outbox.dead.clone(),
        }
    }

    /// Reads on in the log, as long as there is room for what it tells.
    fn read(&mut self, engine: &Engine) -> Read {
        let mut read = Read::default();
        for _ in 0..FRAMES {
            if !self.outbox.has_room() {
                return read;
            }
            match self.read_frame(engine) {
                Ok(Some(has_news)) => read.has_news |= has_news,
                Ok(None) => return read,
                Err(error) => {
                    self.complain(&error.to_string());
                    return read;
                }
            }
        }
        read.is_behind = true;
        read
    }

    /// Reads a frame, and says whether it told anything; `None` at the end.
    fn read_frame(&mut self, engine: &Engine) -> Result<Option<bool>, EngineError> {
        let Some(frame) = engine.frame(self.outbox.position)? else {
            return Ok(None);
        };
        let Some(messages) = of_frame(&frame, &engine.snapshot()) else {
            return Ok(None);
        };
        let has_news = !messages.is_empty();
        self.outbox.push(messages);
        self.outbox.position += 1;
        self.is_changed |= has_news;
        Ok(Some(has_news))
    }

    fn tried(&mut self, id: &str, attempt: Attempt) {
        self.is_busy = false;
        self.is_changed = true;
        let is_delivered = attempt == Attempt::Delivered;
        let jitter = rand::random_range(80..=120);
        let is_dead = self.outbox.settle(id, attempt, Clock::System.now(), jitter);
        telemetry::webhook(match (is_delivered, is_dead) {
            (true, _) => "delivered",
            (false, true) => "dead",
            (false, false) => "failed",
        });
        if is_dead {
            tracing::warn!(
                target_id = self.target.id,
                id,
                error = self.outbox.last_error,
                "a webhook is dead"
            );
        }
    }

    /// Saves what must not be lost at once, and a mere place in the log now and then.
    fn save(&mut self) {
        if !self.is_changed && self.saved.elapsed() < SAVE {
            return;
        }
        self.saved = Stopwatch::start();
        match self.outbox.save(&self.path) {
            Ok(()) => {
                self.is_changed = false;
                self.complaint = None;
            }
            Err(error) => self.complain(&error.to_string()),
        }
    }

    fn send(&mut self) {
        if self.is_busy {
            return;
        }
        if let Some(message) = self.outbox.due(Clock::System.now()) {
            self.is_busy = self.line.send(message.clone()).is_ok();
        }
    }

    /// Tells a failure once, however often it comes again.
    fn complain(&mut self, error: &str) {
        if self.complaint.as_deref() != Some(error) {
            tracing::error!(target_id = self.target.id, error, "webhooks are held up");
            self.complaint = Some(error.to_owned());
        }
    }
}
