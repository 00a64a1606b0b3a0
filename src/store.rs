//! The store: one ordered tree of bytes in sled, written only in atomic, durable batches.
//!
//! Five operations: get, scan, commit, stats, and export by scanning everything. An in-memory twin serves replay and
//! tests. Facts about sled that shape this module:
//! - Only one `Batch` on one tree is atomic; batches on several trees are torn by a crash.
//! - `flush` does not reach the disk on Linux; only our own `fdatasync` of its file makes a commit durable. A failed
//!   flush or sync is never retried: the writer stops.
//! - Values above 4 KiB end up in files that neither covers, so larger values are cut into chunks here.

pub mod key;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Largest piece of a value that is stored under one key, in bytes.
const CHUNK: usize = 3_500;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// sled could not read or write.
    #[error("the store in {path} failed: {source}")]
    Sled {
        /// The data directory.
        path: PathBuf,
        /// sled's own words.
        source: sled::Error,
    },
    /// The disk refused to make a commit durable.
    #[error("the disk refused to sync the store: {0}")]
    Sync(std::io::Error),
    /// Another process holds the store.
    #[error(
        "the store in {0} is in use by another process: stop the server first, or ask it with --server"
    )]
    Locked(PathBuf),
    /// The store's file is not where it must be to be synced.
    #[error("the store's file {0} is missing: this version of sled keeps its data elsewhere")]
    Misplaced(PathBuf),
    /// A stored value can not be read back.
    #[error("the store holds a damaged value under {0}")]
    Damaged(String),
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Vec<u8>,
    /// Its new value; `None` removes it.
    pub value: Option<Vec<u8>>,
    /// Length of the value it replaces, so that its chunks can be removed; 0 if there is none or it was small.
    pub replaced: usize,
}

impl Write {
    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }

    /// Sets a key that held nothing, or a small value.
    pub fn put(key: Vec<u8>, value: Vec<u8>) -> Self {
        Self {
            key,
            value: Some(value),
            replaced: 0,
        }
    }

    /// Removes a key that holds a small value.
    pub fn remove(key: Vec<u8>) -> Self {
        Self {
            key,
            value: None,
            replaced: 0,
        }
    }
}

/// Where state lives.
#[derive(Debug)]
pub enum Store {
    /// On disk.
    Disk(Disk),
    /// In memory.
    Memory(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>),
}

/// A sled database and the file that must be synced.
#[derive(Debug)]
pub struct Disk {
    db: sled::Db,
    file: File,
    path: PathBuf,
}

/// What the store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on disk.
    pub bytes: u64,
}

impl Store {
    /// Opens or creates the store in a directory, with a cache of so many bytes.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it open; the others as they say.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        let db = config.open().map_err(|source| match &source {
            sled::Error::Io(io) if io.to_string().contains("lock") => {
                StoreError::Locked(path.to_owned())
            }
            sled::Error::Io(_)
            | sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. } => StoreError::Sled {
                path: path.to_owned(),
                source,
            },
        })?;
        let file = path.join("db");
        let file = File::open(&file).map_err(|_| StoreError::Misplaced(file))?;
        Ok(Self::Disk(Disk {
            db,
            file,
            path: path.to_owned(),
        }))
    }

    /// An empty store in memory.
    pub fn memory() -> Self {
        Self::Memory(Mutex::default())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As the disk fails, or a chunk is missing.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(head) = self.raw(key)? else {
            return Ok(None);
        };
        let damaged = || StoreError::Damaged(format!("{key:02x?}"));
        let (count, first) = head.split_first_chunk::<2>().ok_or_else(damaged)?;
        let mut value = first.to_vec();
        for index in 1..=u16::from_le_bytes(*count) {
            value.extend(self.raw(&chunk_key(key, index))?.ok_or_else(damaged)?);
        }
        Ok(Some(value))
    }

    /// All keys with a prefix and their values, in order of the keys.
    pub fn scan(&self, prefix: &[u8]) -> Scan<'_> {
        Scan {
            store: self,
            next: Some(prefix.to_vec()),
            prefix: prefix.to_vec(),
        }
    }

    /// Writes all or nothing, and returns once it is durable.
    ///
    /// # Errors
    /// The commit may or may not have happened; the caller must stop writing.
    pub fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        match self {
            Self::Memory(map) => {
                let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
                pieces(writes, |key, piece| {
                    match piece {
                        Some(piece) => map.insert(key, piece),
                        None => map.remove(&key),
                    };
                });
                Ok(())
            }
            Self::Disk(disk) => {
                let mut batch = sled::Batch::default();
                pieces(writes, |key, piece| match piece {
                    Some(piece) => batch.insert(key, piece),
                    None => batch.remove(key),
                });
                disk.db
                    .apply_batch(batch)
                    .map_err(|source| disk.failed(source))?;
                disk.db.flush().map_err(|source| disk.failed(source))?;
                disk.file.sync_data().map_err(StoreError::Sync)
            }
        }
    }

    /// What the store takes on disk.
    ///
    /// # Errors
    /// As the disk fails.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        match self {
            Self::Memory(_) => Ok(Stats { bytes: 0 }),
            Self::Disk(disk) => Ok(Stats {
                bytes: disk
                    .db
                    .size_on_disk()
                    .map_err(|source| disk.failed(source))?,
            }),
        }
    }

    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory(map) => Ok(map
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(key)
                .cloned()),
            Self::Disk(disk) => {
                let found = disk.db.get(key).map_err(|source| disk.failed(source))?;
                Ok(found.map(|value| value.to_vec()))
            }
        }
    }

    /// The first key at or after `from`, with its raw value.
    fn first_from(&self, from: &[u8]) -> Result<Option<Pair>, StoreError> {
        match self {
            Self::Memory(map) => {
                let map = map.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(map
                    .range(from.to_vec()..)
                    .next()
                    .map(|(key, value)| (key.clone(), value.clone())))
            }
            Self::Disk(disk) => {
                let next = disk
                    .db
                    .range(from..)
                    .next()
                    .transpose()
                    .map_err(|source| disk.failed(source))?;
                Ok(next.map(|(key, value)| (key.to_vec(), value.to_vec())))
            }
        }
    }
}

impl Disk {
    fn failed(&self, source: sled::Error) -> StoreError {
        StoreError::Sled {
            path: self.path.clone(),
            source,
        }
    }
}

/// A value's chunks lie right behind its key: no key of the layout is a prefix of another.
fn chunk_key(key: &[u8], index: u16) -> Vec<u8> {
    let mut chunk = key.to_vec();
    chunk.extend_from_slice(&index.to_be_bytes());
    chunk
}

/// Cuts writes into pieces of at most [`CHUNK`] bytes; the first is headed by the number of the others.
fn pieces(writes: &[Write], mut put: impl FnMut(Vec<u8>, Option<Vec<u8>>)) {
    let others =
        |length: usize| u16::try_from(length.saturating_sub(1) / CHUNK).unwrap_or(u16::MAX);
    for write in writes {
        let mut count = 0;
        match &write.value {
            None => put(write.key.clone(), None),
            Some(value) => {
                count = others(value.len());
                let mut chunks = value.chunks(CHUNK);
                let head = [&count.to_le_bytes()[..], chunks.next().unwrap_or_default()].concat();
                put(write.key.clone(), Some(head));
                for (index, chunk) in (1..).zip(chunks) {
                    put(chunk_key(&write.key, index), Some(chunk.to_vec()));
                }
            }
        }
        for index in count + 1..=others(write.replaced) {
            put(chunk_key(&write.key, index), None);
        }
    }
}

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// An ordered walk over the keys with a prefix. Sees commits made meanwhile.
#[derive(Debug)]
pub struct Scan<'a> {
    store: &'a Store,
    next: Option<Vec<u8>>,
    prefix: Vec<u8>,
}

impl Scan<'_> {
    fn step(&mut self, from: &[u8]) -> Result<Option<Pair>, StoreError> {
        let Some((key, head)) = self
            .store
            .first_from(from)?
            .filter(|(key, _)| key.starts_with(&self.prefix))
        else {
            return Ok(None);
        };
        let chunks = head
            .first_chunk()
            .map_or(0, |count| u16::from_le_bytes(*count));
        let damaged = || StoreError::Damaged(format!("{key:02x?}"));
        let value = match chunks {
            0 => head.get(2..).ok_or_else(damaged)?.to_vec(),
            _ => self.store.get(&key)?.ok_or_else(damaged)?,
        };
        let mut after = if chunks == 0 {
            key.clone()
        } else {
            chunk_key(&key, chunks)
        };
        after.push(0);
        self.next = Some(after);
        Ok(Some((key, value)))
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.next.take()?;
        self.step(&from).transpose()
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "patterns of bytes")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(length: usize, seed: u8) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8 ^ seed).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn both_stores_behave_like_a_map(ops in prop::collection::vec((0_u8..12, prop::option::of(0_usize..20_000)), 1..60)) {
            let directory = tempfile::tempdir().unwrap();
            let disk = Store::open(directory.path(), 1 << 20).unwrap();
            let memory = Store::memory();
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for (i, (name, length)) in ops.iter().enumerate() {
                let key = vec![b'v', *name, 0];
                let value = length.map(|length| value(length, i as u8));
                let replaced = model.get(&key).map_or(0, Vec::len);
                let write = [Write { key: key.clone(), value: value.clone(), replaced }];
                disk.commit(&write).unwrap();
                memory.commit(&write).unwrap();
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
            }
            for store in [&disk, &memory] {
                let all: BTreeMap<_, _> = store.scan(b"v").map(Result::unwrap).collect();
                prop_assert_eq!(&all, &model);
                for (key, value) in &model {
                    prop_assert_eq!(&store.get(key).unwrap(), &Some(value.clone()));
                }
            }
            let Store::Disk(disk) = &disk else { unreachable!() };
            let pieces = disk.db.iter().count();
            let expected: usize = model.values().map(|value| 1 + value.len().saturating_sub(1) / CHUNK).sum();
            prop_assert_eq!(pieces, expected, "no chunk is left behind");
            let blobs = std::fs::read_dir(directory.path().join("blobs")).map_or(0, Iterator::count);
            prop_assert_eq!(blobs, 0);
        }
    }

    #[test]
    fn a_store_in_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _held = Store::open(directory.path(), 1 << 20).unwrap();
        assert!(matches!(
            Store::open(directory.path(), 1 << 20),
            Err(StoreError::Locked(_))
        ));
    }
}
