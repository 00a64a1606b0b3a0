//! Configuration of the process: command line, else environment, else `upswing.toml`, else defaults; read once.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::catalog;
use crate::catalog::mistake::Mistake;
use crate::catalog::spec::Spec;
use crate::profile::Consent;
use crate::telemetry::LogFormat;

/// The highest cost per month.
const MAX_COST: f64 = 1e12;

/// Settings that may be given on the command line, in the environment (`UPSWING_LISTEN` …) or in `upswing.toml`.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "UPSWING_LISTEN", global = true)]
    pub listen: Option<String>,
    /// The server that `report`, `import` and `demo` talk to [default: <http://127.0.0.1:8080>]
    #[arg(long, env = "UPSWING_SERVER", global = true)]
    pub server: Option<String>,
    /// Directory of the store [default: data]
    #[arg(long, env = "UPSWING_DATA", global = true)]
    pub data: Option<PathBuf>,
    /// Directory of the experiment files [default: experiments]
    #[arg(long, env = "UPSWING_EXPERIMENTS", global = true)]
    pub experiments: Option<PathBuf>,
    /// How log lines look [default: pretty]
    #[arg(long, env = "UPSWING_LOG_FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
    /// What is logged, such as `info` or `upswing=debug` [default: info]
    #[arg(long, env = "UPSWING_LOG", global = true)]
    pub log: Option<String>,
    /// Export spans to the OpenTelemetry collector at this address, such as `http://collector:4318` [default:
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`]
    #[arg(long, env = "UPSWING_OTLP", global = true)]
    pub otlp: Option<String>,
    /// The store's cache in MB; resident memory is about three times as much [default: 96]
    #[arg(long, env = "UPSWING_CACHE", global = true)]
    pub cache: Option<u64>,
    /// Visitors whose assignments are kept in memory [default: 200000]
    #[arg(long, env = "UPSWING_STICKY", global = true)]
    pub sticky: Option<usize>,
    /// Writes that may wait for the disk before more are refused with 503: target latency × rate [default: 4096]
    #[arg(long, env = "UPSWING_QUEUE", global = true)]
    pub queue: Option<usize>,
    /// Time zone in which days are counted; fixed with the first start [default: UTC]
    #[arg(long, env = "UPSWING_TIME_ZONE", global = true)]
    pub time_zone: Option<String>,
    /// Share of visitors held out of all personalization [default: 0]
    #[arg(long, env = "UPSWING_GLOBAL_HOLDOUT", global = true)]
    pub global_holdout: Option<f64>,
    /// What the global holdout measures; only in `upswing.toml`
    #[arg(skip)]
    pub holdout: Option<HoldoutOptions>,
    /// Salt of the global holdout's draw: another one draws visitors not seen before anew [default: upswing]
    #[arg(long, env = "UPSWING_SALT", global = true)]
    pub salt: Option<String>,
    /// What holds for visitors who never said what they allow, granted or denied [default: granted]
    #[arg(long, env = "UPSWING_CONSENT", global = true)]
    pub consent: Option<Consent>,
    /// What personalization costs per month whatever it does, in the currency of the global holdout's metrics
    #[arg(
        long,
        env = "UPSWING_MONTHLY_COST",
        global = true,
        value_name = "AMOUNT"
    )]
    pub monthly_cost: Option<f64>,
    /// Web pages that may ask and tell from a browser, such as `https://shop.example`, separated by commas; `*` is any
    #[arg(long, env = "UPSWING_ORIGINS", global = true, value_delimiter = ',')]
    pub origins: Option<Vec<String>>,
    /// Serve HTTPS with the certificate chain in this PEM file; it is read again when it changes
    #[arg(long, env = "UPSWING_TLS_CERT", global = true)]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, env = "UPSWING_TLS_KEY", global = true)]
    pub tls_key: Option<PathBuf>,
    /// Listen beyond this machine without API keys: anybody may then do anything
    #[arg(long, env = "UPSWING_INSECURE", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure: Option<bool>,
    /// The API key that `keys`, `report`, `import`, `demo` and `evaluate` show to the server
    #[arg(long, env = "UPSWING_API_KEY", global = true, hide_env_values = true)]
    pub api_key: Option<String>,
    /// Where to send signed webhooks; may be given several times
    #[arg(long, env = "UPSWING_WEBHOOK", global = true, value_delimiter = ',')]
    pub webhook: Option<Vec<String>>,
    /// What signs webhooks: `whsec_` and base64 of 24 to 64 bytes; two with a comma while one replaces the other
    #[arg(
        long,
        env = "UPSWING_WEBHOOK_SECRET",
        global = true,
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub webhook_secret: Option<Vec<String>>,
    /// Threads that answer requests [default: cores − 1]
    #[arg(long, env = "UPSWING_WORKERS", global = true)]
    pub workers: Option<usize>,
    /// Seconds that a client may keep the server waiting: for a head, for a body at less than 1 KiB/s, for the next
    /// request, or until it takes an answer [default: 30]
    #[arg(long, env = "UPSWING_PATIENCE", global = true)]
    pub patience: Option<NonZeroU32>,
    /// Connections that may be open at once, half of them streams; the others wait [default: 10000, as far as the limit of
    /// open files allows]
    #[arg(long, env = "UPSWING_MAX_CONNECTIONS", global = true)]
    pub max_connections: Option<NonZeroU32>,
}

/// What the global holdout measures.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldoutOptions {
    /// Currency of the amounts.
    pub currency: Option<String>,
    /// Its metrics, as in an experiment's definition.
    pub metrics: Option<Vec<serde_json::Value>>,
}

impl Options {
    /// These, completed by others.
    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            server: self.server.or(other.server),
            data: self.data.or(other.data),
            experiments: self.experiments.or(other.experiments),
            log_format: self.log_format.or(other.log_format),
            log: self.log.or(other.log),
            otlp: self.otlp.or(other.otlp),
            cache: self.cache.or(other.cache),
            sticky: self.sticky.or(other.sticky),
            queue: self.queue.or(other.queue),
            time_zone: self.time_zone.or(other.time_zone),
            global_holdout: self.global_holdout.or(other.global_holdout),
            holdout: self.holdout.or(other.holdout),
            salt: self.salt.or(other.salt),
            consent: self.consent.or(other.consent),
            monthly_cost: self.monthly_cost.or(other.monthly_cost),
            origins: self.origins.or(other.origins),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            insecure: self.insecure.or(other.insecure),
            api_key: self.api_key.or(other.api_key),
            webhook: self.webhook.or(other.webhook),
            webhook_secret: self.webhook_secret.or(other.webhook_secret),
            workers: self.workers.or(other.workers),
            patience: self.patience.or(other.patience),
            max_connections: self.max_connections.or(other.max_connections),
        }
    }
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on.
    pub listen: String,
    /// The server that clients talk to, without a final slash.
    pub server: String,
    /// Whether the server was named, or is the default.
    pub server_is_named: bool,
    /// Directory of the store.
    pub data: PathBuf,
    /// Directory of the experiment files.
    pub experiments: PathBuf,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged.
    pub log: String,
    /// The OpenTelemetry collector to which spans are exported; `None`: they are not.
    pub otlp: Option<String>,
    /// The store's cache in bytes.
    pub cache_bytes: u64,
    /// Visitors whose assignments are kept in memory.
    pub sticky: usize,
    /// Writes that may wait for the disk.
    pub queue: usize,
    /// Time zone in which days are counted.
    pub time_zone: String,
    /// Visitors held out of all personalization; `None`: nobody.
    pub global_holdout: Option<Spec>,
    /// Salt of the global holdout's draw.
    pub salt: String,
    /// What holds for visitors who never said what they allow.
    pub consent: Consent,
    /// What personalization costs per month whatever it does; `None`: not known.
    pub monthly_cost: Option<f64>,
    /// The origins of web pages that may talk to the server.
    pub origins: Vec<String>,
    /// The files of the certificate; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether to listen beyond this machine without API keys.
    pub insecure: bool,
    /// The API key that clients show.
    pub api_key: Option<String>,
    /// Where webhooks are sent.
    pub webhooks: Vec<String>,
    /// What signs them.
    pub webhook_secrets: Vec<String>,
    /// Threads that answer requests.
    pub workers: usize,
    /// How long a client may keep the server waiting.
    pub patience: Duration,
    /// Connections that may be open at once; `None`: as many as is usual.
    pub max_connections: Option<NonZeroU32>,
}

/// The files of a certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why the configuration can not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can not be read.
    #[error("{path}: {detail}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("--tls-cert and --tls-key are given together or not at all")]
    HalfTls,
    /// The collector's address is none.
    #[error("--otlp must begin with http:// or https://, not {0:?}")]
    Otlp(String),
    /// A share is none.
    #[error("--global-holdout must be in [0, 1), not {0}")]
    Share(f64),
    /// A cost is none.
    #[error("--monthly-cost must be an amount of at least 0, not {0}")]
    Cost(f64),
    /// What the global holdout measures has mistakes.
    #[error("{path}: {}", lines(mistakes))]
    Holdout {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        mistakes: Vec<Mistake>,
    },
}

impl Config {
    /// The settings of the command line and environment, completed by `file` if it exists, and by the defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(given: Options, file: &Path) -> Result<Self, ConfigError> {
        let options = given.or(read(file)?);
        let global_holdout = holdout(&options, file)?;
        let monthly_cost = options.monthly_cost;
        if let Some(cost) = monthly_cost.filter(|cost| !is_cost(*cost)) {
            return Err(ConfigError::Cost(cost));
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let text = |given: Option<String>, default: &str| given.unwrap_or_else(|| default.into());
        let server_is_named = options.server.is_some();
        let server = text(options.server, "http://127.0.0.1:8080");
        Ok(Self {
            listen: text(options.listen, "127.0.0.1:8080"),
            server: server.trim_end_matches('/').to_owned(),
            server_is_named,
            data: options.data.unwrap_or_else(|| "data".into()),
            experiments: options.experiments.unwrap_or_else(|| "experiments".into()),
            log_format: options.log_format.unwrap_or(LogFormat::Pretty),
            log: text(options.log, "info"),
            otlp: collector(options.otlp)?,
            cache_bytes: options.cache.unwrap_or(96).max(1) << 20,
            sticky: options.sticky.unwrap_or(200_000),
            queue: options.queue.unwrap_or(4_096).max(1),
            time_zone: text(options.time_zone, "UTC"),
            global_holdout,
            salt: text(options.salt, "upswing"),
            consent: options.consent.unwrap_or(Consent::Granted),
            monthly_cost,
            origins: options.origins.unwrap_or_default(),
            tls: match (options.tls_cert, options.tls_key) {
                (None, None) => None,
                (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
                (Some(_), None) | (None, Some(_)) => return Err(ConfigError::HalfTls),
            },
            insecure: options.insecure.unwrap_or(false),
            api_key: options.api_key,
            webhooks: options.webhook.unwrap_or_default(),
            webhook_secrets: options.webhook_secret.unwrap_or_default(),
            workers: options.workers.unwrap_or(cores - 1).max(1),
            patience: Duration::from_secs(options.patience.map_or(30, |s| s.get().into())),
            max_connections: options.max_connections,
        })
    }
}

/// Whether a number is an amount that something may cost.
pub fn is_cost(amount: f64) -> bool {
    (0.0..=MAX_COST).contains(&amount)
}

/// The address of the collector: the one given, else the one that OpenTelemetry's own variable names.
#[expect(clippy::disallowed_methods, reason = "configuration is read here")]
fn collector(given: Option<String>) -> Result<Option<String>, ConfigError> {
    let address = given.or_else(|| std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok());
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return Ok(None);
    };
    if address.starts_with("http://") || address.starts_with("https://") {
        return Ok(Some(address));
    }
    Err(ConfigError::Otlp(address))
}

/// The global holdout of the settings. What it measures is checked even where nobody is held out.
fn holdout(options: &Options, file: &Path) -> Result<Option<Spec>, ConfigError> {
    let share = options.global_holdout.unwrap_or(0.0);
    if !(0.0..1.0).contains(&share) {
        return Err(ConfigError::Share(share));
    }
    let measured = options.holdout.clone().unwrap_or_default();
    let (metrics, currency) = (measured.metrics.as_deref(), measured.currency.as_deref());
    let is_on = share > 0.0;
    let checked = if is_on { share } else { 0.5 };
    let spec = catalog::global_holdout(checked, metrics, currency);
    let spec = spec.map_err(|mistakes| ConfigError::Holdout {
        path: file.to_owned(),
        mistakes,
    })?;
    Ok(Some(spec).filter(|_| is_on))
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What a configuration file says; one that does not exist says nothing.
fn read(file: &Path) -> Result<Options, ConfigError> {
    let unreadable = |detail: String| ConfigError::File {
        path: file.to_owned(),
        detail,
    };
    match std::fs::read_to_string(file) {
        Ok(text) => toml::from_str(&text).map_err(|error| unreadable(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Options::default()),
        Err(error) => Err(unreadable(error.to_string())),
    }
}
