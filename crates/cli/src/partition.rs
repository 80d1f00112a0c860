//! The partition of a Region.

use plumb_model::Region;

/// `aws`, `aws-cn`, `aws-us-gov`, …
pub(crate) fn partition(region: &Region) -> &'static str {
    match region.as_str() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("us-iso-") => "aws-iso",
        region if region.starts_with("us-isob-") => "aws-iso-b",
        region if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}
