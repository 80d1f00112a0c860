//! Where Plumb is deployed, which accounts it looks after, and what its parts are called there.

use std::collections::BTreeSet;

use crate::resource::{AccountId, ControlId, InvalidName, Place, Region, ResourceRef};

/// Where Plumb itself is deployed: what turns a control into document and role names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The account it runs in.
    pub account: AccountId,
    /// The Region it runs in.
    pub region: Region,
    /// The prefix of everything it creates, such as `plumb`.
    pub prefix: String,
    /// The IAM path of its roles: `/`, or one such as `/security/plumb/`.
    pub role_path: String,
    /// Which accounts and Regions it looks after beside its own.
    pub members: Members,
}

/// Which accounts and Regions a stack looks after beside its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Members {
    /// None: one account and Region.
    #[default]
    Nobody,
    /// Every account whose events reach the stack's member bus, which takes those of its organization only.
    Organization,
    /// These; and its own account in every Region.
    Listed(BTreeSet<AccountId>),
}

/// What for a member's role is assumed: each is a role of its own, in `infra/member.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The functions': read, start the hub's runbooks, have AWS Config judge again.
    Act,
    /// An operator's of the hub: read what a decision depends on.
    Look,
}

/// What is neither empty, nor `organization`, nor a list of accounts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither empty, nor `organization`, nor account ids separated by commas: {0}")]
pub struct MembersError(#[from] InvalidName);

impl Members {
    /// Reads the template's parameter `Members`.
    ///
    /// # Errors
    /// When an account is none.
    pub fn parse(text: &str) -> Result<Self, MembersError> {
        match text.trim() {
            "" => Ok(Self::Nobody),
            "organization" => Ok(Self::Organization),
            listed => {
                let accounts = listed.split(',').map(|account| AccountId::parse(account.trim()));
                Ok(Self::Listed(accounts.collect::<Result<_, _>>()?))
            }
        }
    }
}

impl Deployment {
    /// The account and Region it runs in.
    pub fn home(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone() }
    }

    /// Whether it runs there.
    pub fn is_home(&self, place: &Place) -> bool {
        self.account == place.account && self.region == place.region
    }

    /// Why a resource is not this stack's to look after; none if it is.
    pub fn stranger(&self, resource: &ResourceRef) -> Option<String> {
        let (account, region) = (&resource.account, &resource.region);
        match &self.members {
            Members::Nobody if *account != self.account => {
                Some(format!("account {account} is not {}, the one this stack looks after", self.account))
            }
            Members::Nobody if *region != self.region => {
                Some(format!("Region {region} is not {}, the one this stack looks after", self.region))
            }
            Members::Listed(accounts) if *account != self.account && !accounts.contains(account) => {
                Some(format!("account {account} is none of those that this stack looks after (`Members`)"))
            }
            Members::Nobody | Members::Listed(_) | Members::Organization => None,
        }
    }

    /// Whether an account may speak of another one's resources: this stack's own may, because that is where Security Hub's
    /// delegated administrator and this stack's sweep speak; a member may speak of itself alone.
    pub fn may_speak_of_others(&self, sender: &AccountId) -> bool {
        *sender == self.account
    }

    /// The control's remediation document, as it is named where its runbook is started: by its bare name at home, by the ARN
    /// of what this account shares elsewhere. A document is shared within its Region.
    pub fn document(&self, control: &ControlId, place: &Place) -> String {
        self.shared(control.as_str(), place)
    }

    /// The control's rollback document, likewise.
    pub fn rollback_document(&self, control: &ControlId, place: &Place) -> String {
        self.shared(&format!("{control}-rollback"), place)
    }

    fn shared(&self, name: &str, place: &Place) -> String {
        let Self { partition, account, prefix, .. } = self;
        if self.is_home(place) {
            return format!("{prefix}-{name}");
        }
        format!("arn:{partition}:ssm:{}:{account}:document/{prefix}-{name}", place.region)
    }

    /// The name of the Config rule that the stack deploys for the control.
    pub fn config_rule(&self, control: &ControlId) -> String {
        format!("{}-{control}", self.prefix)
    }

    /// The ARN of the role that the control's runbooks assume where the resource is. The Region is part of the name because
    /// IAM names are global and a stack is regional.
    pub fn role(&self, control: &ControlId, place: &Place) -> String {
        self.role_named(control.as_str(), place)
    }

    /// The ARN of the role by which this stack's functions act in a member, or by which its operators look at one; none at
    /// home, where everyone is themselves.
    pub fn member_role(&self, place: &Place, access: Access) -> Option<String> {
        let Self { partition, prefix, role_path, .. } = self;
        let Place { account, region } = place;
        let name = match access {
            Access::Act => "member",
            Access::Look => "look",
        };
        // Points, so that it is none of those that a runbook may be started with.
        let role = || format!("arn:{partition}:iam::{account}:role{role_path}{prefix}.{region}.{name}");
        (!self.is_home(place)).then(role)
    }

    /// The document that asks for approval.
    pub fn approval_document(&self) -> String {
        format!("{}-approval", self.prefix)
    }

    /// The role that asks: it may publish to topics, and nothing else.
    pub fn approval_role(&self) -> String {
        self.role_named("approval", &self.home())
    }

    /// The topic that approvers are asked on, unless the policy names another.
    pub fn approval_topic(&self) -> String {
        format!(
            "arn:{}:sns:{}:{}:Automation-{}-approvals",
            self.partition, self.region, self.account, self.prefix
        )
    }

    /// Whether a document of this name is the one that asks. No control may be called `approval`.
    pub fn asks(&self, document: &str) -> bool {
        document == self.approval_document()
    }

    /// The ARN of one of Plumb's roles, by what follows prefix and Region in its name.
    fn role_named(&self, name: &str, place: &Place) -> String {
        let Self { partition, prefix, role_path, .. } = self;
        let Place { account, region } = place;
        format!("arn:{partition}:iam::{account}:role{role_path}{prefix}-{region}-{name}")
    }
}

/// A document's bare name: of one that is shared, SSM and its callers also use the ARN.
pub fn document_name(name: &str) -> &str {
    name.rsplit_once(":document/").map_or(name, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(members: &str) -> Deployment {
        Deployment {
            partition: "aws".to_owned(),
            account: AccountId::parse("111111111111").unwrap(),
            region: Region::parse("eu-central-1").unwrap(),
            prefix: "plumb".to_owned(),
            role_path: "/security/".to_owned(),
            members: Members::parse(members).unwrap(),
        }
    }

    fn resource(account: &str, region: &str) -> ResourceRef {
        ResourceRef {
            account: AccountId::parse(account).unwrap(),
            region: Region::parse(region).unwrap(),
            kind: "AWS::S3::Bucket".to_owned(),
            id: "b".to_owned(),
        }
    }

    #[test]
    fn a_stack_looks_after_its_own_place_and_its_members() {
        for (members, account, region, strange) in [
            ("", "111111111111", "eu-central-1", false),
            ("", "111111111111", "us-east-1", true),
            ("", "222222222222", "eu-central-1", true),
            ("222222222222", "222222222222", "us-east-1", false),
            ("222222222222", "111111111111", "us-east-1", false),
            ("222222222222, 333333333333", "333333333333", "eu-central-1", false),
            ("222222222222", "333333333333", "eu-central-1", true),
            ("organization", "333333333333", "us-east-1", false),
        ] {
            let why = deployment(members).stranger(&resource(account, region));
            assert_eq!(why.is_some(), strange, "{members} {account} {region}: {why:?}");
        }
        assert!(Members::parse("22222222222").is_err() && Members::parse("everybody").is_err());
    }

    #[test]
    fn what_is_shared_is_named_by_its_arn_and_a_role_by_its_place() {
        let (deployment, control) = (deployment("organization"), ControlId::parse("volume-gp2").unwrap());
        let (home, away) = (deployment.home(), resource("222222222222", "us-east-1").place());
        assert_eq!(deployment.document(&control, &home), "plumb-volume-gp2");
        let shared = deployment.rollback_document(&control, &away);
        assert_eq!(shared, "arn:aws:ssm:us-east-1:111111111111:document/plumb-volume-gp2-rollback");
        assert_eq!(document_name(&shared), "plumb-volume-gp2-rollback");
        assert_eq!(document_name("plumb-volume-gp2"), "plumb-volume-gp2");
        let role = "arn:aws:iam::222222222222:role/security/plumb-us-east-1-volume-gp2";
        assert_eq!(deployment.role(&control, &away), role);
        for (access, name) in [(Access::Act, "member"), (Access::Look, "look")] {
            assert_eq!(deployment.member_role(&home, access), None);
            let member = format!("arn:aws:iam::222222222222:role/security/plumb.us-east-1.{name}");
            assert_eq!(deployment.member_role(&away, access), Some(member));
        }
    }
}
