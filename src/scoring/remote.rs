//! The dispatcher of a worker on another machine: the server's API, with the worker's own token.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::judge::Judgement;
use super::queue::{Abilities, Lease};
use super::worker::{Assignment, DispatchError, Dispatcher, RunFile};
use super::workers::Announcement;

/// How long the server lets an idle worker wait for a run before it answers that there is none.
pub const LEASE_WAIT: Duration = Duration::from_secs(20);

/// A server that hands out runs over HTTP.
pub struct RemoteServer {
    client: Client,
    api: String,
    token: String,
}

impl RemoteServer {
    /// The server at `url`, as in `https://paddock.example`.
    pub fn new(url: &str, token: String) -> anyhow::Result<Self> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(LEASE_WAIT * 2)
            .build()?;
        Ok(Self {
            client,
            api: format!("{}/api/v1/worker", url.trim_end_matches('/')),
            token,
        })
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.bearer_auth(&self.token).send().await?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                bail!(
                    "the server does not accept this worker's token; make one with `paddock worker-token`"
                )
            }
            status if status.is_server_error() => bail!("the server answered {status}"),
            _ => Ok(response),
        }
    }

    fn run(&self, lease: Lease, what: &str) -> String {
        format!(
            "{}/runs/{}/{what}?attempt={}",
            self.api, lease.run_id, lease.attempt
        )
    }

    /// Sends what only the holder of the lease may; false when the lease was lost.
    async fn as_holder(&self, request: RequestBuilder) -> anyhow::Result<bool> {
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::CONFLICT => Ok(false),
            status if status.is_success() => Ok(true),
            status => bail!("the server answered {status}"),
        }
    }
}

impl Dispatcher for RemoteServer {
    async fn lease(&self, abilities: &Abilities) -> Result<Option<Assignment>, DispatchError> {
        let request = self.client.post(format!("{}/leases", self.api));
        let response = self.send(request.json(abilities)).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let assignment = response
            .error_for_status()
            .context("the server handed out no run")
            .map_err(DispatchError)?
            .json()
            .await
            .context("the server and this worker are of different versions")?;
        Ok(Some(assignment))
    }

    async fn heartbeat(&self, lease: Lease) -> Result<bool, DispatchError> {
        let request = self.client.post(self.run(lease, "heartbeat"));
        Ok(self.as_holder(request).await?)
    }

    async fn fetch(&self, lease: Lease, which: RunFile, into: &Path) -> Result<(), DispatchError> {
        let what = which.as_str();
        let response = self
            .send(self.client.get(self.run(lease, what)))
            .await?
            .error_for_status()
            .with_context(|| format!("the {what} could not be fetched"))?;
        let mut stream = response.bytes_stream();
        let mut file = tokio::fs::File::create(into)
            .await
            .map_err(anyhow::Error::from)?;
        while let Some(chunk) = stream.try_next().await.map_err(anyhow::Error::from)? {
            file.write_all(&chunk).await.map_err(anyhow::Error::from)?;
        }
        file.flush().await.map_err(anyhow::Error::from)?;
        Ok(())
    }

    async fn keep_predictions(&self, lease: Lease, from: &Path) -> Result<bool, DispatchError> {
        let file = tokio::fs::File::open(from)
            .await
            .map_err(anyhow::Error::from)?;
        let body = reqwest::Body::wrap_stream(ReaderStream::new(file));
        let request = self.client.put(self.run(lease, "predictions")).body(body);
        Ok(self.as_holder(request).await?)
    }

    async fn announce(&self, announcement: &Announcement) -> Result<(), DispatchError> {
        let request = self.client.post(format!("{}/announcement", self.api));
        self.as_holder(request.json(announcement)).await?;
        Ok(())
    }

    async fn report(&self, lease: Lease, judgement: Judgement) -> Result<bool, DispatchError> {
        let request = self.client.post(self.run(lease, "report")).json(&judgement);
        Ok(self.as_holder(request).await?)
    }
}
