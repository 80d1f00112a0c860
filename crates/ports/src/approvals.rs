//! What asking for approval needs beside starting and reading executions.

use std::future::Future;

use plumb_model::PinnedDocument;

use crate::PortError;

/// Documents as they stand, and questions that are taken back.
pub trait Approvals {
    /// `DescribeDocument`: which version of a document a name and version (or `$DEFAULT`) mean, and a hash of its content.
    /// None if there is none.
    fn document(
        &self,
        name: &str,
        version: &str,
    ) -> impl Future<Output = Result<Option<PinnedDocument>, PortError>> + Send;

    /// `StopAutomationExecution` of an execution that asks. That it has ended is no error.
    fn withdraw(&self, execution_id: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}
