"""AWS's runtimes. Bedrock: `converse`, then `request` with `parts`, `tools` and `thinking`, `reply`,
`stream`; `embeddings`. SageMaker: `sagemaker`. Both share `eventstream` and `faults`.
"""
