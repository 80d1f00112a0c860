//! The members' accounts: their role, assumed.

use aws_credential_types::Credentials;
use jiff::Timestamp;
use plumb_ports::{Class, PortError};

use crate::{clients::Aws, errors::incomplete, signed::element};

const OPERATION: &str = "sts:AssumeRole";

/// What CloudTrail in the member's account names the session.
const SESSION: &str = "plumb";

/// Assumes a member's role; the credentials, and until when they hold.
///
/// # Errors
/// When STS says no: the role is missing, or does not trust this function with this external id.
pub(crate) async fn assume(
    aws: &Aws,
    role: &str,
    external_id: Option<&str>,
) -> Result<(Credentials, Timestamp), PortError> {
    let mut asked = vec![("RoleArn", role), ("RoleSessionName", SESSION), ("DurationSeconds", "3600")];
    asked.extend(external_id.map(|id| ("ExternalId", id)));
    let answer = aws.signed().query(OPERATION, "sts", "2011-06-15", &asked).await?;
    let text = |name| element(&answer, name).ok_or_else(|| incomplete(OPERATION, name));
    let until: Timestamp = text("Expiration")?.parse().map_err(|error| PortError {
        operation: OPERATION,
        code: "response".to_owned(),
        class: Class::Retry,
        source: Some(Box::new(error)),
    })?;
    let token = text("SessionToken")?.to_owned();
    let credentials = Credentials::new(
        text("AccessKeyId")?,
        text("SecretAccessKey")?,
        Some(token),
        Some(until.into()),
        "member-role",
    );
    Ok((credentials, until))
}
