//! Reads the ledger back from the store when the server starts.

use std::sync::Arc;

use super::EngineError;
use super::ledger::{Books, Ledger};
use crate::catalog::history::History;
use crate::catalog::{Catalog, Lifecycle, Serial};
use crate::epoch::{Epoch, Epochs};
use crate::event::{Defined, Founded};
use crate::fold::control::defined_entry;
use crate::key::ring::Keyring;
use crate::store::key::{self, CellKey, parse_cell, parse_numbered};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// The ledger and the cells of a store; `None` if nothing was ever written to it.
///
/// # Errors
/// As the store fails, or holds what this version can not read.
pub fn load(store: &Store) -> Result<Option<(Ledger, Books)>, EngineError> {
    let Some(founded) = store.get(key::FOUNDED)? else {
        return Ok(None);
    };
    let mut ledger = Ledger::new(decode::<Founded>(key::FOUNDED, &founded)?)?;
    if let Some(applied) = store.get(key::APPLIED)? {
        let (sequence, chain, received) = decode::<(u64, u64, Timestamp)>(key::APPLIED, &applied)?;
        ledger.place.sequence = sequence + 1;
        ledger.place.chain = chain;
        ledger.place.received = received;
    }
    ledger.catalog = Arc::new(catalog(store)?);
    ledger.keys = Arc::new(keys(store)?);
    let mut books = Books::new();
    for item in store.scan(key::CELLS) {
        let (place, value) = item?;
        let (serial, cell) = parse_cell(&place).ok_or_else(|| damaged(&place))?;
        let cells = books.entry(serial).or_default();
        match cell {
            CellKey::Visitors(at) => drop(cells.visitors.insert(at, decode(&place, &value)?)),
            CellKey::Hour(at) => drop(cells.hours.insert(at, decode(&place, &value)?)),
            CellKey::Plain(at) => drop(cells.plain.insert(at, decode(&place, &value)?)),
            CellKey::Orders(at) => drop(cells.orders.insert(at, decode(&place, &value)?)),
            CellKey::Context(at) => drop(cells.contexts.insert(at, decode(&place, &value)?)),
            CellKey::Features(at) => drop(cells.features.insert(at, decode(&place, &value)?)),
            CellKey::Chances(at) => drop(cells.chances.insert(at, decode(&place, &value)?)),
            CellKey::Weighted(at) => drop(cells.weighted.insert(at, decode(&place, &value)?)),
            CellKey::Sketch(at) => drop(cells.sketches.insert(at, decode(&place, &value)?)),
            CellKey::Delay(at) => drop(cells.delays.insert(at, decode(&place, &value)?)),
            CellKey::Joins(at) => drop(cells.joins.insert(at, decode(&place, &value)?)),
            CellKey::Information => cells.information = decode(&place, &value)?,
        }
    }
    Ok(Some((ledger, books)))
}

/// Every version of every definition in order, then the epochs and changes, then where each experiment stands.
fn catalog(store: &Store) -> Result<Catalog, EngineError> {
    let mut catalog = Catalog::default();
    for item in store.scan(key::DEFINITIONS) {
        let (place, value) = item?;
        let defined: Defined = decode(&place, &value)?;
        catalog.put(defined_entry(&catalog, &defined).ok_or_else(|| damaged(&place))?);
    }
    for item in store.scan(key::LIFECYCLES) {
        let (place, value) = item?;
        let serial = parse_numbered(&place).ok_or_else(|| damaged(&place))?.0;
        let lifecycle: Lifecycle = decode(&place, &value)?;
        let mut epochs = Epochs::default();
        for item in store.scan(&[key::EPOCHS, &serial.0.to_be_bytes()].concat()) {
            let (place, value) = item?;
            epochs.push(decode::<Epoch>(&place, &value)?);
        }
        let entry = catalog.by_serial(serial).ok_or_else(|| damaged(&place))?;
        let mut entry = crate::catalog::Entry::clone(entry);
        entry.lifecycle = lifecycle;
        entry.epochs = Arc::new(epochs);
        entry.history = Arc::new(history(store, serial)?);
        catalog.put(entry);
    }
    Ok(catalog)
}

fn history(store: &Store, serial: Serial) -> Result<History, EngineError> {
    let mut changes = Vec::new();
    for item in store.scan(&[key::CHANGES, &serial.0.to_be_bytes()].concat()) {
        let (place, value) = item?;
        let (_, number) = parse_numbered(&place).ok_or_else(|| damaged(&place))?;
        let number = number.ok_or_else(|| damaged(&place))?;
        changes.push((number, decode(&place, &value)?));
    }
    Ok(History::new(changes))
}

fn keys(store: &Store) -> Result<Keyring, EngineError> {
    let mut keys = Keyring::default();
    for item in store.scan(key::API_KEYS) {
        let (place, value) = item?;
        keys.put(decode(&place, &value)?);
    }
    Ok(keys)
}

fn damaged(key: &[u8]) -> EngineError {
    EngineError::Store(StoreError::Damaged(format!("{key:02x?}")))
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(
    key: &[u8],
    value: &[u8],
) -> Result<T, EngineError> {
    postcard::from_bytes(value).map_err(|_| damaged(key))
}
