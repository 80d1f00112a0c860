//! Failures in AWS's words.

use std::collections::BTreeMap;

use crate::{
    choices,
    execution::{FailureDetails, FailureStage, FailureType},
    ports::ApiError,
};

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) details: FailureDetails,
}

/// What the service was doing, as its messages say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Reading the inputs.
    Inputs,
    /// The action itself.
    Executing,
    /// Waiting for what the action started.
    Polling,
    /// Looking at what the action found.
    Verifying,
    /// Reading the outputs.
    Outputs,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Inputs => "validating and resolving the step inputs",
            Self::Executing => "Execute/Cancelling action",
            Self::Polling => "Poll action status for completion",
            Self::Verifying => "Verify action result",
            Self::Outputs => "Extracting step outputs",
        }
    }

    fn stage(self) -> FailureStage {
        match self {
            Self::Inputs => FailureStage::InputValidation,
            Self::Executing | Self::Polling => FailureStage::Invocation,
            Self::Verifying | Self::Outputs => FailureStage::PostVerification,
        }
    }
}

impl Failure {
    pub(crate) fn new(doing: Doing, kind: FailureType, reason: &str) -> Self {
        let reason = reason.trim_end();
        let stop = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
        let message =
            format!("Step fails when it is {}. {reason}{stop} {}", doing.words(), choices::TROUBLESHOOTING);
        let details = FailureDetails { stage: doing.stage(), kind, details: BTreeMap::new() };
        Self { message, details }
    }

    pub(crate) fn inputs(reason: &str) -> Self {
        Self::new(Doing::Inputs, FailureType::Verification, reason)
    }

    pub(crate) fn missing(input: &str) -> Self {
        Self::inputs(&format!("Required input {input} is missing"))
    }

    pub(crate) fn api(error: &ApiError) -> Self {
        let kind = match error {
            ApiError::Service { code, .. } if is_denied(code) => FailureType::Permission,
            ApiError::Service { code, .. } if is_throttled(code) => FailureType::Throttling,
            ApiError::Service { .. } | ApiError::Client(_) => FailureType::Action,
        };
        Self::new(Doing::Executing, kind, &error.to_string())
    }

    pub(crate) fn timed_out(seconds: u64) -> Self {
        let message = format!("Step timed out after {seconds} seconds. {}", choices::TROUBLESHOOTING);
        let details = FailureDetails {
            stage: FailureStage::Invocation,
            kind: FailureType::Action,
            details: BTreeMap::new(),
        };
        Self { message, details }
    }
}

fn is_denied(code: &str) -> bool {
    ["AccessDenied", "Unauthorized", "NotAuthorized", "AuthFailure", "Forbidden"]
        .iter()
        .any(|part| code.contains(part))
}

/// Whether AWS asks to slow down.
pub(crate) fn is_throttled(code: &str) -> bool {
    [
        "Throttl",
        "RequestLimitExceeded",
        "TooManyRequests",
        "SlowDown",
        "RequestThrottled",
        "BandwidthLimitExceeded",
    ]
    .iter()
    .any(|part| code.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_error_reads_as_aws_writes_it() {
        let error = ApiError::Service {
            code: "InsufficientCapabilitiesException".into(),
            message: "Requires capabilities : [CAPABILITY_IAM]".into(),
            operation: "UpdateStack".into(),
        };
        assert_eq!(
            Failure::api(&error).message,
            "Step fails when it is Execute/Cancelling action. An error occurred (InsufficientCapabilitiesException) when \
             calling the UpdateStack operation: Requires capabilities : [CAPABILITY_IAM]. Please refer to Automation \
             Service Troubleshooting Guide for more diagnosis details."
        );
    }

    #[test]
    fn failures_are_sorted_by_code() {
        for (code, kind) in [
            ("AccessDenied", FailureType::Permission),
            ("UnauthorizedOperation", FailureType::Permission),
            ("ThrottlingException", FailureType::Throttling),
            ("NoSuchBucket", FailureType::Action),
        ] {
            let error = ApiError::Service { code: code.into(), message: "m".into(), operation: "Op".into() };
            assert_eq!(Failure::api(&error).details.kind, kind, "{code}");
        }
    }
}
