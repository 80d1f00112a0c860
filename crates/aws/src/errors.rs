//! AWS's errors, in the four classes that matter to whoever made the call.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use plumb_ports::{Class, PortError};

/// Classifies a failed call. `operation` is its IAM action, such as `ssm:StartAutomationExecution`.
pub(crate) fn failed<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (code, class) = match &error {
        SdkError::ConstructionFailure(_) => ("construction".to_owned(), Class::Permanent),
        SdkError::TimeoutError(_) => ("timeout".to_owned(), Class::Ambiguous),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            ("timeout".to_owned(), Class::Ambiguous)
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => ("request".to_owned(), Class::Permanent),
        SdkError::DispatchFailure(_) => ("connect".to_owned(), Class::Retry),
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown").to_owned();
            let class = class_of(&code, service.raw().status().as_u16());
            (code, class)
        }
        _ => ("response".to_owned(), Class::Ambiguous),
    };
    PortError { operation, code, class, source: Some(Box::new(error)) }
}

/// What an AWS error code means. Codes that the table doesn't know follow the HTTP status: a server's error is worth
/// another try, a client's is not.
pub(crate) fn class_of(code: &str, status: u16) -> Class {
    match code {
        // Throttling, and quotas that free up by themselves. For AWS Config's StartConfigRulesEvaluation,
        // LimitExceededException and ResourceInUseException both mean "an evaluation is already under way".
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "ResourceInUseException"
        | "TransactionInProgressException"
        | "AutomationExecutionLimitExceededException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestTimeTooSkewed" => Class::Retry,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "OptInRequired" => Class::Denied,
        _ if status >= 500 || status == 429 => Class::Retry,
        _ => Class::Permanent,
    }
}

/// An answer that lacks what it must have.
pub(crate) fn incomplete(operation: &'static str, what: &str) -> PortError {
    PortError { operation, code: format!("no {what} in the answer"), class: Class::Retry, source: None }
}

/// A request that could not be built: a defect.
pub(crate) fn malformed(
    operation: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> PortError {
    PortError {
        operation,
        code: "request".to_owned(),
        class: Class::Permanent,
        source: Some(Box::new(error)),
    }
}

/// An item of a table that is not what it should be, or can't be written as one. `what` it should be: `record`.
pub(crate) fn unreadable(operation: &'static str, what: &str, error: serde_json::Error) -> PortError {
    PortError {
        operation,
        code: format!("unreadable {what}"),
        class: Class::Permanent,
        source: Some(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_class() {
        for (code, status, class) in [
            ("ThrottlingException", 400, Class::Retry),
            ("AutomationExecutionLimitExceededException", 400, Class::Retry),
            ("LimitExceededException", 400, Class::Retry),
            ("InternalServerError", 500, Class::Retry),
            ("SomethingNew", 503, Class::Retry),
            ("SomethingNew", 400, Class::Permanent),
            ("AccessDeniedException", 400, Class::Denied),
            ("AutomationDefinitionNotFoundException", 400, Class::Permanent),
            ("IdempotentParameterMismatch", 400, Class::Permanent),
            ("NoSuchConfigRuleException", 400, Class::Permanent),
        ] {
            assert_eq!(class_of(code, status), class, "{code} {status}");
        }
    }
}
