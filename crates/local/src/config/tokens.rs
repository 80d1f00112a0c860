//! Result tokens: what a rule's function shows to say on whose behalf it puts evaluations.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use uuid::Uuid;

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invoked {
    pub(super) region: String,
    pub(super) rule: String,
    /// `ConfigRuleInvokedTime`.
    pub(super) at: Timestamp,
}

/// The tokens that were given out, the oldest forgotten first. A token is good for many calls. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
struct Given {
    tokens: BTreeMap<String, Invoked>,
    order: VecDeque<String>,
}

const KEPT: usize = 50_000;

impl Tokens {
    /// A new token, which says nothing to whoever reads it.
    pub(super) fn give(&self, invoked: Invoked) -> String {
        let token: String = (0..6).map(|_| Uuid::new_v4().simple().to_string()).collect();
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if given.order.len() >= KEPT
            && let Some(oldest) = given.order.pop_front()
        {
            given.tokens.remove(&oldest);
        }
        given.order.push_back(token.clone());
        given.tokens.insert(token.clone(), invoked);
        token
    }

    /// What the token stands for; nothing if it is none.
    pub(super) fn find(&self, token: &str) -> Option<Invoked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tokens.get(token).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_opaque_and_good_until_it_is_forgotten() {
        let tokens = Tokens::default();
        let invoked = |number: usize| Invoked {
            region: "us-east-1".to_owned(),
            rule: format!("rule-{number}"),
            at: Timestamp::UNIX_EPOCH,
        };
        let first = tokens.give(invoked(0));
        assert!(!first.contains("rule"), "{first}");
        assert_eq!(tokens.find(&first), Some(invoked(0)));
        assert_eq!(tokens.find("rule-0"), None);
        for number in 1..=KEPT {
            tokens.give(invoked(number));
        }
        assert_eq!(tokens.find(&first), None);
    }
}
