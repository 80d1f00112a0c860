//! Config rules are deployed under other names than their own.

/// Whether a rule deployed under this name is the managed rule `own`: as it is, by Security Hub, in a conformance pack,
/// or across an organisation.
pub(crate) fn is_deployed(name: &str, own: &str) -> bool {
    let rest = match name.split_once(own) {
        Some(("", rest)) => Some(rest).filter(|rest| rest.is_empty() || is_pack_suffix(rest)),
        Some(("securityhub-" | "OrgConfigRule-", rest)) => Some(rest).filter(|rest| is_suffix(rest)),
        _ => None,
    };
    rest.is_some()
}

/// Whether a rule is the one that Plumb deploys for a control: `<prefix>-<control id>`, where the prefix is what `template.yaml` accepts as `Prefix`.
pub(crate) fn is_own(name: &str, control: &str) -> bool {
    const LONGEST_PREFIX: usize = 8;
    name.strip_suffix(control).and_then(|rest| rest.strip_suffix('-')).is_some_and(|prefix| {
        (1..=LONGEST_PREFIX).contains(&prefix.len())
            && prefix.starts_with(|first: char| first.is_ascii_lowercase())
            && !prefix.ends_with('-')
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// `-conformance-pack-abc123xyz`.
fn is_pack_suffix(rest: &str) -> bool {
    rest.strip_prefix("-conformance-pack").is_some_and(is_suffix)
}

/// `-fe95bf3f`, `-dbgzf8ba`: six to twelve lower-case letters and digits.
fn is_suffix(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|token| {
        (6..=12).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::{is_deployed, is_own};

    const OWN: &str = "s3-bucket-ssl-requests-only";

    #[test]
    fn a_managed_rule_is_known_by_every_name_that_aws_deploys_it_under() {
        for name in [
            "s3-bucket-ssl-requests-only",
            "securityhub-s3-bucket-ssl-requests-only-1a2b3c4d",
            "securityhub-s3-bucket-ssl-requests-only-x9k2ab",
            "s3-bucket-ssl-requests-only-conformance-pack-a1b2c3d4e",
            "OrgConfigRule-s3-bucket-ssl-requests-only-dbgzf8ba",
        ] {
            assert!(is_deployed(name, OWN), "{name}");
        }
    }

    #[test]
    fn a_rule_that_merely_starts_or_ends_alike_is_another() {
        for name in [
            "s3-bucket-ssl-requests-only-strict",
            "s3-bucket-ssl-requests-only-1a2b3c4d",
            "s3-bucket-ssl-requests-only2",
            "my-s3-bucket-ssl-requests-only",
            "securityhub-s3-bucket-ssl-requests-only",
            "securityhub-s3-bucket-ssl-requests-only-for-all-1a2b3c4d",
            "securityhub-my-s3-bucket-ssl-requests-only-1a2b3c4d",
            "s3-bucket-ssl-requests-only-conformance-pack-",
            "s3-bucket-ssl-requests-only-conformance-pack-a1-b2c3d4e",
            "S3-BUCKET-SSL-REQUESTS-ONLY",
            "s3-bucket-ssl",
            "",
        ] {
            assert!(!is_deployed(name, OWN), "{name}");
        }
    }

    #[test]
    fn plumbs_own_rules_are_known_under_any_prefix() {
        for name in ["plumb-bucket-tls-only", "plumb-d-bucket-tls-only", "p2-bucket-tls-only"] {
            assert!(is_own(name, "bucket-tls-only"), "{name}");
        }
        for name in [
            "bucket-tls-only",
            "-bucket-tls-only",
            "Plumb-bucket-tls-only",
            "plumb--bucket-tls-only",
            "plumbbucket-tls-only",
            "plumb-bucket-tls-only-2",
            "plumb-dev-bucket-tls-only",
        ] {
            assert!(!is_own(name, "bucket-tls-only"), "{name}");
        }
    }
}
