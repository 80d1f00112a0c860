//! Reads of AWS beyond the configuration item: what rules need to know to judge, and what AWS Config doesn't record.

use std::future::Future;

use serde_json::Value;

use crate::PortError;

/// A read operation of an AWS API. `plumb-rules` lists all there are; the role of `evaluate` allows exactly those.
#[derive(Debug, PartialEq, Eq)]
pub struct Api {
    /// The service in its endpoint's name, such as `application-autoscaling`.
    pub service: &'static str,
    /// The operation, such as `DescribeImages`.
    pub operation: &'static str,
    /// The IAM action, such as `ec2:DescribeImages`.
    pub action: &'static str,
    /// How the request is written.
    pub protocol: Protocol,
    /// Where the answer's records are: member names, separated by dots.
    pub records: &'static str,
    /// The request's and the answer's names of the page token, where the operation has pages.
    pub token: Option<(&'static str, &'static str)>,
    /// The members of a record that are kept; empty for all.
    pub keep: &'static [&'static str],
}

/// How an AWS API's requests are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// JSON with a header that names the operation: `<target>.<operation>`.
    Json {
        /// Such as `AmazonSSM`.
        target: &'static str,
    },
    /// A form with `Action` and `Version`, answered in XML.
    Query {
        /// Such as `2016-11-15`.
        version: &'static str,
    },
}

/// One page of a read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Records {
    /// The records, each with the members that [`Api::keep`] names.
    pub records: Vec<Value>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// Reads AWS APIs.
pub trait ReadApi {
    /// One page. `parameters` is an object in the API's own names; for the query protocol, a list is
    /// an array and becomes `Name.1`, `Name.2` ….
    fn page(
        &self,
        api: &'static Api,
        parameters: &Value,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Records, PortError>> + Send;
}
