//! `INCOMING_SSH_DISABLED` (`restricted-ssh`): no security group lets everybody reach port 22.

use super::{Judgement, ManagedRule, Parameters, ReadError, Reader, security_groups::closed_to_the_world};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "INCOMING_SSH_DISABLED",
    service: "ec2",
    parameters: &[],
    judge: |reader, parameters| Box::pin(groups(reader, parameters)),
};

async fn groups(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    closed_to_the_world(reader, &[22]).await
}
