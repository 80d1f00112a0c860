//! What rules need to know, read: each need once, and what does not name the resource once an invocation.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use plumb_ports::{PortError, ReadApi, ReadConfig};
use plumb_rules::{Facts, Item, Need};
use serde_json::Value;

/// How many pages of one read are taken; a rule that needs more would not fit in memory.
const PAGES: usize = 500;

/// What was read in this invocation.
#[derive(Debug, Default)]
pub(crate) struct Knowledge {
    shared: BTreeMap<String, Arc<Vec<Value>>>,
    /// How many reads went well.
    pub(crate) reads: usize,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is more than can be held.
    #[error("`{0}` has more than {PAGES} pages")]
    TooMuch(&'static str),
}

impl Knowledge {
    /// Adds what is needed to what is known.
    pub(crate) async fn learn<C: ReadConfig, R: ReadApi>(
        &mut self,
        (config, reads): (&C, &R),
        item: &Item,
        needs: Vec<(String, Need)>,
        facts: &mut Facts,
        until: Option<Timestamp>,
    ) -> Result<(), Unread> {
        for (name, need) in needs {
            let records = match need {
                Need::History => {
                    Arc::new(config.history(&item.kind, &item.id, until, 100, None).await?.records)
                }
                Need::Query(expression) => Arc::new(all_rows(config, &expression).await?),
                Need::Read { api, parameters } => {
                    let key = format!("{} {parameters}", api.action);
                    if let Some(known) = self.shared.get(&key) {
                        Arc::clone(known)
                    } else {
                        let records = Arc::new(all_records(reads, api, &parameters).await?);
                        if !names(&key, item) {
                            self.shared.insert(key, Arc::clone(&records));
                        }
                        self.reads += 1;
                        records
                    }
                }
            };
            facts.0.insert(name, records);
        }
        Ok(())
    }
}

/// Whether a read is about this resource alone, so that no other will ask for it again.
fn names(key: &str, item: &Item) -> bool {
    key.contains(item.id.as_str()) || item.name.as_deref().is_some_and(|name| key.contains(name))
}

async fn all_rows(config: &impl ReadConfig, expression: &str) -> Result<Vec<Value>, Unread> {
    let (mut rows, mut token) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let page = config.select(expression, token.as_deref()).await?;
        rows.extend(page.records);
        token = page.next;
        if token.is_none() {
            return Ok(rows);
        }
    }
    Err(Unread::TooMuch("config:SelectResourceConfig"))
}

async fn all_records(
    reads: &impl ReadApi,
    api: &'static plumb_ports::Api,
    parameters: &Value,
) -> Result<Vec<Value>, Unread> {
    let (mut records, mut token) = (Vec::new(), None::<String>);
    for _ in 0..PAGES {
        let page = reads.page(api, parameters, token.as_deref()).await?;
        records.extend(page.records);
        token = page.next;
        if token.is_none() {
            return Ok(records);
        }
    }
    Err(Unread::TooMuch(api.action))
}
