//! What was known before this controller began to lead.

use kube::{Api, ResourceExt, api::ListParams};
use runtimemap_crds::{ApplicationProfile, NodeDirective};

use super::Controller;
use crate::controller::{Error, desk::Desk, generate::Occasion, workload::Workload};

/// Objects of one page of a list.
const PAGE: u32 = 200;

impl Controller {
    /// Reads what was acknowledged, and what is being learned.
    pub(super) async fn recall(&mut self) -> Result<(), Error> {
        let failed = |what| move |error| Error::List { what, error };
        let directives: Api<NodeDirective> = Api::all(self.client.clone());
        for object in directives.list(&ListParams::default()).await.map_err(failed("nodedirectives"))? {
            let version = object.resource_version();
            self.desks.insert(object.name_any(), Desk::recall(object.spec, version));
        }
        let profiles: Api<ApplicationProfile> = Api::all(self.client.clone());
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = profiles.list(&page).await.map_err(failed("applicationprofiles"))?;
            page.continue_token = list.metadata.continue_.clone().filter(|token| !token.is_empty());
            list.items.into_iter().for_each(|object| self.recall_workload(object));
            if page.continue_token.is_none() {
                return Ok(());
            }
        }
    }

    fn recall_workload(&mut self, object: ApplicationProfile) {
        let key = (object.namespace().unwrap_or_default(), object.name_any());
        let workload = Workload {
            namespace: key.0.clone(),
            reference: object.spec.workload,
            owned: object.metadata.owner_references.is_some_and(|owners| !owners.is_empty()),
            ..Workload::default()
        };
        let status = object.status.unwrap_or_default();
        self.workloads.recall(key.clone(), workload, &status);
        // It may have been completed just before this one began.
        self.owe(key, Occasion::Settings);
    }
}
