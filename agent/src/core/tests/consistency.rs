//! What always agrees within the agent.

use super::super::GuestAgent;
use super::super::agent::Job;
use super::super::policy::{PEER_INSTANCES_MAX, REQUESTS_MAX};

impl GuestAgent {
    /// Panics if the indices of hosts, instances, queue and jobs do not agree.
    pub(super) fn check(&self) {
        self.check_hosts();
        self.check_instances();
        self.check_jobs();
        self.delivery.queue.check();
    }

    fn check_hosts(&self) {
        for host in self.hosts.iter() {
            let key = self.hosts.by_uuid(host.uuid).unwrap();
            assert!(self.hosts.by_name(&host.hostname).is_some(), "{host:?}");
            assert!(self.hosts.by_ip(host.ip).is_some(), "{host:?}");
            assert!(host.told.is_subset(&host.instances), "{host:?}");
            assert!(host.is_ours || host.told.len() <= PEER_INSTANCES_MAX, "{host:?}");
            for id in &host.instances {
                assert_eq!(self.instances[id].host, key, "{id}");
            }
        }
    }

    fn check_instances(&self) {
        for (id, instance) in &self.instances {
            assert!(self.hosts.get(instance.host).unwrap().instances.contains(id), "{id}");
            assert!(instance.requests.len() <= REQUESTS_MAX);
            for request in &instance.requests {
                assert!(self.jobs.contains(&request.job(*id)), "{request:?}");
            }
            assert!(instance.vim_knows.is_none_or(|on| on == instance.heartbeating), "{id}");
        }
    }

    fn check_jobs(&self) {
        let hosts = self.hosts.iter().count();
        let requests: usize = self.instances.values().map(|i| i.requests.len()).sum();
        let count = |is: fn(&Job) -> bool| self.jobs.iter().filter(|(_, job)| is(job)).count();
        assert_eq!(count(|job| matches!(job, Job::Answer(..))), requests);
        assert!(count(|job| matches!(job, Job::Audit(_))) >= hosts, "a host without an audit");
        assert!(count(|job| matches!(job, Job::Query(_))) <= hosts);
        assert!(count(|job| matches!(job, Job::Retry)) <= 2 + self.delivery.standing_aside());
        assert!(count(|job| matches!(job, Job::Inventory)) <= 1);
    }
}
