//! Who judges: one of Plumb's rules, or a user's policy.

use jiff::Timestamp;
use plumb_ports::{ReadApi, ReadConfig};
use plumb_rules::{Case, Facts, Item, Listing, Parameters, Rule, Unjudged, Verdict};

use crate::{
    Invocation,
    knowledge::{Knowledge, Unread},
};

/// How often a rule may ask for more; none needs more than three rounds.
const ROUNDS: usize = 6;

/// Why a resource can't be judged, by the rule's own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unjudgeable(pub(crate) String);

/// Who judges.
#[derive(Debug, Clone, Copy)]
pub enum Judge {
    /// One of Plumb's rules.
    Rule(&'static Rule),
    /// A user's policy.
    Policy {
        /// Its name.
        name: &'static str,
        /// Its text.
        text: &'static str,
        /// The type of the resources that it judges; nothing for those that AWS Config asks about.
        resource_type: Option<&'static str>,
        /// The judgement.
        judge: fn(&str, &str, &Item) -> Result<Verdict, Unjudged>,
    },
}

impl Judge {
    /// The CloudFormation type of the resources that it judges.
    pub fn resource_type(&self) -> Option<&'static str> {
        match self {
            Self::Rule(rule) => Some(rule.resource_type),
            Self::Policy { resource_type, .. } => *resource_type,
        }
    }

    /// Where a periodic evaluation gets the resources from.
    pub fn listing(&self) -> &'static Listing {
        match self {
            Self::Rule(rule) => &rule.listing,
            Self::Policy { .. } => &Listing::Recorded,
        }
    }

    pub(crate) async fn verdict<C: ReadConfig, R: ReadApi>(
        &self,
        invocation: &Invocation,
        item: &Item,
        now: Timestamp,
        ports: (&C, &R),
        knowledge: &mut Knowledge,
    ) -> Result<Result<Verdict, Unread>, Unjudgeable> {
        let rule = match self {
            Self::Rule(rule) => rule,
            Self::Policy { name, text, judge, .. } => {
                return judge(name, text, item).map(Ok).map_err(|why| Unjudgeable(why.0));
            }
        };
        let parameters =
            Parameters::read(rule.parameters, &invocation.parameters).map_err(|why| Unjudgeable(why.0))?;
        let mut facts = Facts::default();
        for _ in 0..ROUNDS {
            let case = Case { item, parameters: &parameters, facts: &facts, now };
            let mut needs = (rule.needs)(&case);
            needs.retain(|(name, _)| !facts.has(name));
            if needs.is_empty() {
                break;
            }
            if let Err(unread) = knowledge.learn(ports, item, needs, &mut facts, item.captured_at).await {
                return Ok(Err(unread));
            }
        }
        let case = Case { item, parameters: &parameters, facts: &facts, now };
        (rule.judge)(&case).map(Ok).map_err(|why| Unjudgeable(why.0))
    }
}
