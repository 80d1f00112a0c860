//! Which remediation is meant.

use plumb_aws::operator;
use plumb_model::Remediation;

use super::{
    Which,
    connect::{Connection, failed},
};
use crate::failure::Failure;

/// The one remediation that is meant.
pub(crate) async fn find(connection: &Connection, which: &Which) -> Result<Remediation, Failure> {
    let table = connection.output("LedgerTable")?;
    let named = which.named.as_str();
    // A key names its resource last, and a resource's id may hold anything.
    let resource = if named.split('#').count() >= 5 { named.splitn(5, '#').nth(4) } else { None };
    let found = operator::records(&connection.aws, table, Some(resource.unwrap_or(named)))
        .await
        .map_err(|error| failed(&error))?;
    let mut meant: Vec<_> = found
        .into_iter()
        .filter(|record| resource.is_none() || record.key() == named)
        .filter(|record| which.control.as_deref().is_none_or(|control| record.control.as_str() == control))
        .collect();
    meant.sort_by_key(Remediation::key);
    match meant.len() {
        0 => Err(Failure::Failed(format!(
            "Plumb knows nothing of `{named}`{}; ids are AWS Config's, such as a bucket's name or `sg-…`",
            which.control.as_deref().map_or_else(String::new, |control| format!(" under `{control}`"))
        ))),
        1 => meant.pop().ok_or_else(|| Failure::Failed("nothing".to_owned())),
        _ => Err(Failure::Usage(format!(
            "`{named}` has several remediations; give --control, or one of these keys:\n  {}",
            meant.iter().map(Remediation::key).collect::<Vec<_>>().join("\n  ")
        ))),
    }
}
