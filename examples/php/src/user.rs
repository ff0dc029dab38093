//! The user that runs PHP, if root starts it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};

/// The names that php-fpm's configuration gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PhpUser {
    pub(crate) user: String,
    pub(crate) group: String,
}

/// The user for a site: the given one, or else the owner of its directory, because that one may write there; www-data if
/// root owns it.
///
/// # Errors
/// If there is no such user.
pub(crate) fn php_user(given: Option<&str>, site: &Path) -> Result<PhpUser, String> {
    if let Some(name) = given {
        let found = User::from_name(name).map_err(|error| format!("user {name}: {error}"))?;
        return Ok(names(found.ok_or_else(|| format!("there is no user {name}"))?));
    }
    let owner = site.metadata().map_err(|error| format!("{}: {error}", site.display()))?.uid();
    if owner != 0 && Uid::effective().is_root() {
        let found = User::from_uid(Uid::from_raw(owner)).ok().flatten();
        // php-fpm takes numbers, too: a container may know no name.
        return Ok(found.map_or_else(|| PhpUser { user: owner.to_string(), group: owner.to_string() }, names));
    }
    if !Uid::effective().is_root() {
        let own = User::from_uid(Uid::effective()).ok().flatten();
        return Ok(own.map_or_else(
            || PhpUser { user: Uid::effective().to_string(), group: Gid::effective().to_string() },
            names,
        ));
    }
    let unprivileged =
        ["www-data", "http", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    unprivileged.map(names).ok_or_else(|| "there is no user www-data: name one with --user".to_owned())
}

fn names(user: User) -> PhpUser {
    let group = Group::from_gid(user.gid).ok().flatten();
    PhpUser { group: group.map_or_else(|| user.gid.to_string(), |group| group.name), user: user.name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_is_an_error() {
        let error = php_user(Some("no-such-user"), Path::new("/")).unwrap_err();
        assert_eq!(error, "there is no user no-such-user");
    }

    #[test]
    fn a_directory_of_root_is_not_served_by_root() {
        let found = php_user(None, Path::new("/")).unwrap();
        assert!(found.user != "root" || !Uid::effective().is_root(), "{found:?}");
    }
}
