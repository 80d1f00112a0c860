//! The three spellings of an operation's name.

/// botocore's `xform_name`: `DescribeDBInstances` to `describe_db_instances`.
pub(crate) fn snake_case(name: &str) -> String {
    if name.contains('_') {
        return name.to_owned();
    }
    for (word, snake) in [("CachediSCSI", "CachedIscsi"), ("StorediSCSI", "StoredIscsi"), ("HITs", "Hits")] {
        if name.contains(word) {
            return snake_case(&name.replace(word, snake));
        }
    }
    let mut letters: Vec<char> = name.chars().collect();
    // A plural of capitals at the end, such as `ARNs`, is one word.
    if letters.last() == Some(&'s') {
        let capitals = letters.iter().rev().skip(1).take_while(|c| c.is_ascii_uppercase()).count();
        if capitals >= 2 {
            let start = letters.len() - 1 - capitals;
            for letter in letters.iter_mut().skip(start + 1) {
                *letter = letter.to_ascii_lowercase();
            }
        }
    }
    let mut snake = String::with_capacity(name.len() + 8);
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|i| letters.get(i));
        let after = letters.get(index + 1);
        if letter.is_ascii_uppercase()
            && let Some(before) = before
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || after.is_some_and(char::is_ascii_lowercase))
        {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `describe_instances` and `describeInstances` to `DescribeInstances`; `PascalCase` stays.
pub(crate) fn pascal_case(name: &str) -> String {
    let mut pascal = String::with_capacity(name.len());
    let mut capital = true;
    for letter in name.chars() {
        if letter == '_' {
            capital = true;
        } else if capital {
            pascal.extend(letter.to_uppercase());
            capital = false;
        } else {
            pascal.push(letter);
        }
    }
    pascal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_boto3_spells_them() {
        for (pascal, snake) in [
            ("DescribeInstances", "describe_instances"),
            ("DescribeDBInstances", "describe_db_instances"),
            ("ListWebACLs", "list_web_acls"),
            ("DescribeStacks", "describe_stacks"),
            ("GetBucketACL", "get_bucket_acl"),
            ("CreateDBInstanceReadReplica", "create_db_instance_read_replica"),
            ("ListObjectsV2", "list_objects_v2"),
            ("DeleteVpc", "delete_vpc"),
            ("CreateCachediSCSIVolume", "create_cached_iscsi_volume"),
            ("PutBucketTagging", "put_bucket_tagging"),
            ("describe_instances", "describe_instances"),
        ] {
            assert_eq!(snake_case(pascal), snake);
        }
    }

    #[test]
    fn other_spellings_become_pascal_case() {
        assert_eq!(pascal_case("describe_instances"), "DescribeInstances");
        assert_eq!(pascal_case("describeInstances"), "DescribeInstances");
        assert_eq!(pascal_case("DescribeInstances"), "DescribeInstances");
    }
}
