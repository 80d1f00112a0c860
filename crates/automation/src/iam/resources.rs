//! boto3's resources: which operations their members call. The list is made by `tools/boto3_resources.py`.

const LIST: &str = include_str!("resources.txt");

/// The members of a service's resources, each with its operations; none if boto3 has no resources for it.
pub(super) fn members(service: &str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    LIST.lines()
        .skip_while(move |line| line.strip_prefix("> ") != Some(service))
        .skip(1)
        .take_while(|line| !line.starts_with("> "))
        .filter_map(|line| line.split_once(' '))
        .map(|(member, operations)| (member, operations.split(' ').collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_of_one_service() {
        let of = |service| members(service).map(|(member, _)| member).collect::<Vec<_>>();
        assert!(of("ec2").contains(&"Instance") && !of("ec2").contains(&"put_item"));
        assert!(of("sqs").contains(&"send_message"));
        assert!(of("rds").is_empty());
    }
}
