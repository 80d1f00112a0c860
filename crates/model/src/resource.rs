//! What a finding is about: an AWS resource, as AWS Config names it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that is not a valid account, region or control id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct InvalidName {
    value: String,
    expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the name.
            ///
            /// # Errors
            /// When the text has another form than the type's documentation gives.
            pub fn parse(value: impl Into<String>) -> Result<Self, InvalidName> {
                let value = value.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&value) { Ok(Self(value)) } else { Err(InvalidName { value, expected: $expected }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(value: String) -> Result<Self, InvalidName> {
                Self::parse(value)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name!(
    /// An AWS account: twelve digits.
    AccountId,
    "an AWS account id (twelve digits)",
    |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
);

name!(
    /// An AWS Region, such as `eu-central-1`: lower-case letters, digits and hyphens.
    Region,
    "an AWS Region",
    |text| (4..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);

name!(
    /// A control, named after the problem it ends, such as `bucket-public-access`. At most 40 characters, because an
    /// IAM role name (64) holds it with a prefix and a Region.
    ControlId,
    "a control id (lower-case words joined by hyphens, at most 40 characters)",
    |text| (1..=40).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);

/// One AWS resource. `id` is what AWS Config calls `resourceId`: the name of a bucket, `db-…` for an RDS instance,
/// the twelve digits of the account for `AWS::::Account`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceRef {
    /// The account that owns the resource.
    pub account: AccountId,
    /// The Region it lives in.
    pub region: Region,
    /// Its CloudFormation type, such as `AWS::S3::Bucket`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its AWS Config resource id.
    pub id: String,
}

/// An account and a Region: where a resource is, where its runbook runs, and where its detector judges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

impl ResourceRef {
    /// Where it is.
    pub fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({}/{})", self.kind, self.id, self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_twelve_digits() {
        assert!(AccountId::parse("123456789012").is_ok());
        for wrong in ["", "12345678901", "1234567890123", "12345678901x", "１23456789012"] {
            assert!(AccountId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_control_is_named_in_kebab_case() {
        assert!(ControlId::parse("bucket-public-access").is_ok());
        for wrong in ["", "S3.8", "bucket_public", "-x", "x-", "a23456789-123456789-123456789-123456789-1"] {
            assert!(ControlId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
