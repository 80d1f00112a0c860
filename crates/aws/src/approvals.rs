//! What asking for approval needs of Systems Manager.

use aws_sdk_ssm::{
    operation::{
        describe_document::DescribeDocumentError as DescribeError,
        stop_automation_execution::StopAutomationExecutionError as StopError,
    },
    types::StopType,
};
use plumb_model::{PinnedDocument, Region};
use plumb_ports::{Approvals, PortError};

use crate::{
    automation::Automation,
    errors::{failed, incomplete},
};

/// The Region in a document's ARN.
fn region_of(name: &str) -> Option<Region> {
    name.strip_prefix("arn:").and_then(|arn| Region::parse(arn.split(':').nth(2)?).ok())
}

impl Approvals for Automation<'_> {
    async fn document(&self, name: &str, version: &str) -> Result<Option<PinnedDocument>, PortError> {
        const OPERATION: &str = "ssm:DescribeDocument";
        // What is shared with a member is this account's own, in the member's Region.
        let elsewhere = region_of(name).filter(|region| region != self.0.region());
        let elsewhere = elsewhere.map(|region| self.0.in_region(&region));
        let aws = elsewhere.as_ref().unwrap_or(self.0);
        let answer = aws.ssm().describe_document().name(name).document_version(version).send().await;
        let described = match answer {
            Ok(answer) => answer.document.ok_or_else(|| incomplete(OPERATION, "document"))?,
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    DescribeError::is_invalid_document(error)
                        || DescribeError::is_invalid_document_version(error)
                }) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(OPERATION, error)),
        };
        Ok(Some(PinnedDocument {
            version: described.document_version.ok_or_else(|| incomplete(OPERATION, "version"))?,
            content: described.hash.ok_or_else(|| incomplete(OPERATION, "hash"))?,
        }))
    }

    async fn withdraw(&self, execution_id: &str) -> Result<(), PortError> {
        let answer = self
            .0
            .ssm()
            .stop_automation_execution()
            .automation_execution_id(execution_id)
            .r#type(StopType::Cancel)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(StopError::is_invalid_automation_status_update_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("ssm:StopAutomationExecution", error)),
        }
    }
}
