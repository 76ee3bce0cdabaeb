//! Downloading a model of the hub into the local cache, through `hf-hub`.

use std::path::Path;

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};

use crate::error::FetchError;

/// Files of a model directory that are read here; everything else of a repository is left out.
const NAMES: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// Fetches the files of `OWNER/NAME[@REVISION]` that are missing in the cache below `root`; interrupted
/// downloads are taken up where they stopped.
///
/// Weights are the safetensors files, or the only GGUF file of a repository without `config.json`.
/// `HF_ENDPOINT` and `HF_TOKEN` are honoured.
///
/// # Errors
/// [`FetchError::Hub`] with what the hub's client said.
pub(super) fn download(root: &Path, name: &str) -> Result<(), FetchError> {
    let mut builder = ApiBuilder::from_env().with_progress(false).with_retries(3);
    if let Ok(token) = std::env::var("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    fetch_with(builder, root, name)
}

fn fetch_with(builder: ApiBuilder, root: &Path, name: &str) -> Result<(), FetchError> {
    let failed = |error: ApiError| FetchError::Hub { name: name.to_owned(), detail: chain(&error) };
    let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
    let api = builder.with_cache_dir(root.to_path_buf()).build().map_err(failed)?;
    let repository = api.repo(Repo::with_revision(repository.to_owned(), RepoType::Model, revision.to_owned()));
    let files: Vec<String> =
        repository.info().map_err(failed)?.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
    for file in wanted(&files) {
        repository.get(file).map_err(failed)?;
    }
    Ok(())
}

/// Which of a repository's files a model needs.
fn wanted(files: &[String]) -> Vec<&str> {
    let ends = |ending: &'static str| move |file: &&&str| file.ends_with(ending) && !file.contains(['/', '\\', ':']);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    if files.contains(&"config.json") {
        let weights = files.iter().filter(ends(".safetensors"));
        let rest = files.iter().filter(|file| NAMES.contains(file));
        return weights.chain(rest).copied().collect();
    }
    files.iter().filter(ends(".gguf")).copied().collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::hub;

    #[test]
    fn only_what_a_model_needs() {
        let files = ["README.md", "config.json", "model.safetensors", "onnx/model.safetensors", "pytorch_model.bin"];
        assert_eq!(wanted(&files.map(str::to_owned)), ["model.safetensors", "config.json"]);
        assert_eq!(wanted(&["a.gguf", "README.md"].map(str::to_owned)), ["a.gguf"]);
        let out = ["../a.gguf", "/a.gguf", "..\\a.gguf", "C:a.gguf", "b/c.gguf"].map(str::to_owned);
        assert!(wanted(&out).is_empty(), "names that lead elsewhere");
    }

    /// Answers on the loopback as the hub does: one repository at commit `abc`.
    fn serve(listener: &TcpListener) {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            let headers: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .map(|line| line.to_lowercase())
                .collect();
            let first_byte_only = headers.iter().any(|line| line.starts_with("range: bytes=0-0"));
            let body = if request.contains("/api/models/") {
                r#"{"sha": "abc", "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]}"#
            } else {
                "{}"
            };
            let sent = if first_byte_only { &body[..1] } else { body };
            write!(
                stream,
                "HTTP/1.1 {}\r\nx-repo-commit: abc\r\netag: \"tag\"\r\ncontent-range: bytes 0-{}/{}\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{sent}",
                if first_byte_only { "206 Partial Content" } else { "200 OK" },
                sent.len() - 1,
                body.len(),
                sent.len(),
            )
            .unwrap();
        }
    }

    #[test]
    fn what_is_not_in_the_cache_is_downloaded_into_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || serve(&listener));
        let root = tempfile::tempdir().unwrap();
        let api = ApiBuilder::new().with_endpoint(endpoint).with_progress(false);
        fetch_with(api, root.path(), "someone/tiny").unwrap();
        let snapshot = hub::resolve(root.path(), "someone/tiny").unwrap();
        assert_eq!(snapshot.file_name().unwrap(), "abc");
        assert_eq!(fs::read_to_string(snapshot.join("model.safetensors")).unwrap(), "{}");
    }

    #[test]
    fn a_hub_that_does_not_answer_is_named() {
        // Nobody listens on a port that was just given back.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let api = ApiBuilder::new().with_endpoint(format!("http://127.0.0.1:{port}")).with_progress(false);
        let root = tempfile::tempdir().unwrap();
        let error = fetch_with(api, root.path(), "someone/tiny").unwrap_err();
        assert!(error.to_string().starts_with("downloading `hub:someone/tiny` failed: "), "{error}");
    }
}
