//! Recording: reads what there is of the types that may have changed, and keeps what is new of it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use super::{
    history::{History, Recorded},
    items::{RecordedType, TYPES},
    reader::Reader,
};
use crate::service::Context;

/// Records one Region's resources at a time. Clones share everything.
#[derive(Clone)]
pub(super) struct Recording {
    context: Context,
    pub(super) history: History,
    /// Who reads has the turn until it is kept, so that nothing older is kept after something newer.
    turn: Arc<Mutex<()>>,
}

impl Recording {
    pub(super) fn new(context: Context) -> Self {
        Self { context, history: History::default(), turn: Arc::default() }
    }

    /// Whether the type is recorded in the Region: IAM in the account's first Region only.
    pub(super) fn records(&self, recorded: &RecordedType, region: &str) -> bool {
        !recorded.global || region == self.context.region()
    }

    /// Whether somebody has tried to read the type in the Region.
    pub(super) fn knows(&self, of: &RecordedType, region: &str) -> bool {
        self.history.with(region, |items| items.knows(of.kind))
    }

    /// Reads the wanted types; the items that this made. A type that can't be read stays as it was.
    pub(super) async fn record(
        &self,
        reader: &Reader<'_>,
        wanted: impl Fn(&RecordedType) -> bool,
    ) -> Vec<Recorded> {
        let region = reader.region();
        let _turn = self.turn.lock().await;
        let mut recorded = Vec::new();
        for of in TYPES.iter().filter(|of| self.records(of, region) && wanted(of)) {
            match (of.read)(reader).await {
                Ok(found) => {
                    let (account, now) = (self.context.account(), Timestamp::now());
                    recorded.extend(
                        self.history.with(region, |items| items.observe(account, of.kind, found, now)),
                    );
                }
                Err(error) => {
                    self.history.with(region, |items| items.tried(of.kind));
                    tracing::warn!(kind = of.kind, region, %error, "a type could not be recorded");
                }
            }
        }
        recorded
    }
}
