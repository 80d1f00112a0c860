//! The API calls that a document makes.

use crate::document::Document;

/// The API calls of a document, sorted: boto3 service and operation in `PascalCase`.
pub fn derived_actions(_document: &Document) -> Vec<(String, String)> {
    Vec::new()
}
