//! Where our own cgroups are, as `/proc` tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the hierarchies are mounted and where in them we are, as `/proc` tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// By controller; version 2 has the empty name.
    directories: BTreeMap<String, PathBuf>,
}

impl Places {
    /// Reads `/proc/self/cgroup` (`4:memory:/path` a line, `0::/path` for version 2) and
    /// `/proc/self/mountinfo` (proc(5)).
    pub fn parse(own: &str, mounts: &str) -> Self {
        let mut places = Self::default();
        for line in own.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            for controller in controllers.split(',') {
                if let Some(directory) = mounted(mounts, controller, path) {
                    places.directories.insert(controller.to_owned(), directory);
                }
            }
        }
        places
    }

    /// The folder of version 2.
    pub fn v2(&self) -> Option<PathBuf> {
        self.directories.get("").cloned()
    }

    /// The folder of a controller of version 1.
    pub fn v1(&self, controller: &str) -> Option<PathBuf> {
        self.directories.get(controller).cloned()
    }
}

/// The folder of a controller's cgroup `path`.
fn mounted(mounts: &str, controller: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let kind = after.next()?;
        let options = after.nth(1)?;
        let ours = match controller {
            "" => kind == "cgroup2",
            name => kind == "cgroup" && options.split(',').any(|option| option == name),
        };
        if !ours {
            return None;
        }
        // In a container the mount may show only a part of the hierarchy, our own.
        let below = Path::new(path)
            .strip_prefix(root)
            .unwrap_or_else(|_| Path::new(""));
        Some(Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
34 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:4 - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn our_place_in_version_1_is_found_by_controller() {
        let own = "8:pids:/\n4:memory:/system/paddock\n2:cpu,cpuacct:/\n0::/\n";
        let places = Places::parse(own, MOUNTS);
        assert_eq!(
            places.v1("memory"),
            Some("/sys/fs/cgroup/memory/system/paddock".into())
        );
        assert_eq!(places.v1("pids"), Some("/sys/fs/cgroup/pids".into()));
        assert_eq!(
            places.v1("cpuacct"),
            Some("/sys/fs/cgroup/cpu,cpuacct".into())
        );
        assert_eq!(places.v2(), Some("/sys/fs/cgroup/unified".into()));
    }

    #[test]
    fn our_place_in_version_2_is_found_in_a_service_and_in_a_container() {
        let mount = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let places = Places::parse("0::/system.slice/paddock.service\n", mount);
        assert_eq!(
            places.v2(),
            Some("/sys/fs/cgroup/system.slice/paddock.service".into())
        );
        assert_eq!(places.v1("memory"), None);
        let mount = "30 23 0:26 /docker/4af /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        let places = Places::parse("0::/docker/4af\n", mount);
        assert_eq!(places.v2(), Some("/sys/fs/cgroup".into()));
    }
}
