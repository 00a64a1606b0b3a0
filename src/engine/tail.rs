//! The log, read behind the writer: for what is derived from it beside the state.

use super::load::decode;
use super::{Engine, EngineError};
use crate::log::{self, Frame};
use crate::store::key;
use crate::time::Timestamp;

impl Engine {
    /// The sequence of the next frame to be written.
    ///
    /// # Errors
    /// As the store fails.
    pub fn next_sequence(&self) -> Result<u64, EngineError> {
        let Some(applied) = self.shared.store.get(key::APPLIED)? else {
            return Ok(0);
        };
        let (last, _, _) = decode::<(u64, u64, Timestamp)>(key::APPLIED, &applied)?;
        Ok(last + 1)
    }

    /// A frame of the log; `None` where it is not written yet. The last one may not be published yet.
    ///
    /// # Errors
    /// As the store fails, or the frame is damaged.
    pub fn frame(&self, sequence: u64) -> Result<Option<Frame>, EngineError> {
        let bytes = self.shared.store.get(&key::frame(sequence))?;
        Ok(bytes.map(|bytes| log::read(&bytes)).transpose()?)
    }
}
