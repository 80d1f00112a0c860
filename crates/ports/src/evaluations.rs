//! AWS Config as `evaluate` needs it: what it has recorded, and where verdicts go.

use std::future::Future;

use jiff::Timestamp;

use crate::{PortError, Records};

/// One verdict for AWS Config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The CloudFormation type, such as `AWS::EC2::Volume`.
    pub resource_type: String,
    /// AWS Config's id of the resource.
    pub resource_id: String,
    /// `COMPLIANT`, `NON_COMPLIANT` or `NOT_APPLICABLE`; AWS Config takes no other word.
    pub compliance: &'static str,
    /// At most 256 characters.
    pub annotation: Option<String>,
    /// The state that was judged is the state at this time: the item's capture time, or the schedule's.
    pub ordering: Timestamp,
}

/// A verdict that AWS Config has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The CloudFormation type.
    pub resource_type: String,
    /// AWS Config's id of the resource.
    pub resource_id: String,
}

/// Gives AWS Config its verdicts.
pub trait PutEvaluations {
    /// `PutEvaluations` for at most 100 verdicts; those that AWS Config did not take. In test mode they are checked and not kept.
    fn put(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test: bool,
    ) -> impl Future<Output = Result<Vec<Evaluation>, PortError>> + Send;
}

/// Reads what AWS Config has recorded.
pub trait ReadConfig {
    /// One page of an advanced query's rows, parsed.
    fn select(
        &self,
        expression: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Records, PortError>> + Send;

    /// Configuration items of a resource, newest first, at most `limit` a page, none later than `until`.
    /// A resource that was never recorded has none.
    fn history(
        &self,
        kind: &str,
        id: &str,
        until: Option<Timestamp>,
        limit: u8,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Records, PortError>> + Send;

    /// One page of what a rule holds to be compliant or not, and the token of the next. A rule that does not exist holds nothing.
    fn evaluated(
        &self,
        rule: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<(Vec<Evaluated>, Option<String>), PortError>> + Send;
}

/// Leaves the rest of a long evaluation to a later invocation of the same function.
pub trait Continue {
    /// Hands on a text from which the evaluation can go on, in `after` seconds (0: at once; at most 900).
    fn hand_on(&self, rest: &str, after: u32) -> impl Future<Output = Result<(), PortError>> + Send;
}
