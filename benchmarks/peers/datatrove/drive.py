"""datatrove's InferenceRunner with its checkpoints: JSONL in, one request a document, Parquet out.

Everything not named below has datatrove's own default (6,000 records a chunk among them).
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))  # last: it must hide nothing of the peer's

import pyarrow.parquet as pq
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
from driving import arguments, report


async def rewrite(document, generate, instruction, max_tokens):
    """One request for one document, in datatrove's own form."""
    messages = [{"role": "user", "content": f"{instruction}\n\n{document.text}"}]
    return await generate({"messages": messages, "max_tokens": max_tokens})


def main() -> None:
    args = arguments("datatrove InferenceRunner with checkpoints")
    output = args.work / "output"
    config = InferenceConfig(
        server_type="endpoint",
        model_name_or_path=args.model,
        endpoint_url=args.base_url.removesuffix("/").removesuffix("/v1"),  # datatrove puts /v1 behind it itself
        max_concurrent_generations=args.concurrency,
    )
    runner = InferenceRunner(
        rollout_fn=rewrite,
        config=config,
        output_writer=ParquetWriter(str(output), output_filename="${rank}_chunk_${chunk_index}.parquet"),
        shared_context={"instruction": args.instruction, "max_tokens": args.max_tokens},
        checkpoints_local_dir=str(args.work / "checkpoints"),
    )
    reader = JsonlReader(str(args.documents.parent), glob_pattern=args.documents.name)
    LocalPipelineExecutor([reader, runner], tasks=1, logging_dir=str(args.work / "logs")).run()
    report("datatrove", "datatrove", sum(pq.read_metadata(path).num_rows for path in output.glob("*.parquet")))


if __name__ == "__main__":
    main()
