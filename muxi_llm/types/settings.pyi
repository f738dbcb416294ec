"""What may be set on `muxi_llm` of each provider, for type checkers: `muxi_llm.openai_api_key = "sk-..."`."""

from openai import admin_api_key as admin_api_key
from openai import api_key as api_key
from openai import api_type as api_type
from openai import api_version as api_version
from openai import azure_ad_token as azure_ad_token
from openai import azure_ad_token_provider as azure_ad_token_provider
from openai import azure_endpoint as azure_endpoint
from openai import base_url as base_url
from openai import default_headers as default_headers
from openai import default_query as default_query
from openai import http_client as http_client
from openai import max_retries as max_retries
from openai import organization as organization
from openai import project as project
from openai import timeout as timeout
from openai import webhook_secret as webhook_secret

ai21_api_key: str | None
ai21_base_url: str | None
ai21_keys: list[str] | str | None
aihubmix_api_key: str | None
aihubmix_base_url: str | None
aihubmix_keys: list[str] | str | None
anthropic_api_key: str | None
anthropic_base_url: str | None
anthropic_keys: list[str] | str | None
anyscale_api_key: str | None
anyscale_base_url: str | None
anyscale_keys: list[str] | str | None
azure_api_key: str | None
azure_api_version: str | None
azure_base_url: str | None
azure_content_safety_endpoint: str | None
azure_keys: list[str] | str | None
azure_resource: str | None
baseten_api_key: str | None
baseten_base_url: str | None
baseten_keys: list[str] | str | None
bedrock_access_key_id: str | None
bedrock_api_key: str | None
bedrock_base_url: str | None
bedrock_batch_role: str | None
bedrock_bucket: str | None
bedrock_keys: list[str] | str | None
bedrock_profile: str | None
bedrock_region: str | None
bedrock_s3_endpoint: str | None
bedrock_secret_access_key: str | None
bedrock_session_token: str | None
cerebras_api_key: str | None
cerebras_base_url: str | None
cerebras_keys: list[str] | str | None
chutes_api_key: str | None
chutes_base_url: str | None
chutes_keys: list[str] | str | None
cloudflare_account_id: str | None
cloudflare_api_key: str | None
cloudflare_base_url: str | None
cloudflare_keys: list[str] | str | None
cohere_api_key: str | None
cohere_base_url: str | None
cohere_keys: list[str] | str | None
crusoe_api_key: str | None
crusoe_base_url: str | None
crusoe_keys: list[str] | str | None
dashscope_api_key: str | None
dashscope_base_url: str | None
dashscope_keys: list[str] | str | None
databricks_api_key: str | None
databricks_base_url: str | None
databricks_client_id: str | None
databricks_client_secret: str | None
databricks_host: str | None
databricks_keys: list[str] | str | None
deepgram_api_key: str | None
deepgram_base_url: str | None
deepgram_keys: list[str] | str | None
deepinfra_api_key: str | None
deepinfra_base_url: str | None
deepinfra_keys: list[str] | str | None
deepseek_api_key: str | None
deepseek_base_url: str | None
deepseek_keys: list[str] | str | None
elevenlabs_api_key: str | None
elevenlabs_base_url: str | None
elevenlabs_keys: list[str] | str | None
featherless_api_key: str | None
featherless_base_url: str | None
featherless_keys: list[str] | str | None
fireworks_api_key: str | None
fireworks_base_url: str | None
fireworks_keys: list[str] | str | None
friendli_api_key: str | None
friendli_base_url: str | None
friendli_keys: list[str] | str | None
github_api_key: str | None
github_base_url: str | None
github_keys: list[str] | str | None
gmi_api_key: str | None
gmi_base_url: str | None
gmi_keys: list[str] | str | None
google_api_key: str | None
google_base_url: str | None
google_keys: list[str] | str | None
groq_api_key: str | None
groq_base_url: str | None
groq_keys: list[str] | str | None
helicone_api_key: str | None
helicone_base_url: str | None
helicone_keys: list[str] | str | None
heroku_api_key: str | None
heroku_base_url: str | None
heroku_keys: list[str] | str | None
huggingface_api_key: str | None
huggingface_base_url: str | None
huggingface_keys: list[str] | str | None
hyperbolic_api_key: str | None
hyperbolic_base_url: str | None
hyperbolic_keys: list[str] | str | None
inception_api_key: str | None
inception_base_url: str | None
inception_keys: list[str] | str | None
jina_api_key: str | None
jina_base_url: str | None
jina_keys: list[str] | str | None
lepton_api_key: str | None
lepton_base_url: str | None
lepton_keys: list[str] | str | None
llama_api_key: str | None
llama_base_url: str | None
llama_cpp_api_key: str | None
llama_cpp_base_url: str | None
llama_cpp_keys: list[str] | str | None
llama_cpp_model_dir: str | None
llama_keys: list[str] | str | None
lm_studio_api_key: str | None
lm_studio_base_url: str | None
lm_studio_keys: list[str] | str | None
meta_api_key: str | None
meta_base_url: str | None
meta_keys: list[str] | str | None
minimax_api_key: str | None
minimax_base_url: str | None
minimax_keys: list[str] | str | None
mistral_api_key: str | None
mistral_base_url: str | None
mistral_keys: list[str] | str | None
mixedbread_api_key: str | None
mixedbread_base_url: str | None
mixedbread_keys: list[str] | str | None
modal_api_key: str | None
modal_base_url: str | None
modal_keys: list[str] | str | None
moonshot_api_key: str | None
moonshot_base_url: str | None
moonshot_keys: list[str] | str | None
nano_gpt_api_key: str | None
nano_gpt_base_url: str | None
nano_gpt_keys: list[str] | str | None
nebius_api_key: str | None
nebius_base_url: str | None
nebius_keys: list[str] | str | None
nexusflow_api_key: str | None
nexusflow_base_url: str | None
nexusflow_keys: list[str] | str | None
nomic_api_key: str | None
nomic_base_url: str | None
nomic_keys: list[str] | str | None
novita_api_key: str | None
novita_base_url: str | None
novita_keys: list[str] | str | None
nvidia_api_key: str | None
nvidia_base_url: str | None
nvidia_keys: list[str] | str | None
octoai_api_key: str | None
octoai_base_url: str | None
octoai_keys: list[str] | str | None
ollama_api_key: str | None
ollama_base_url: str | None
ollama_cloud_api_key: str | None
ollama_cloud_base_url: str | None
ollama_cloud_keys: list[str] | str | None
ollama_keys: list[str] | str | None
openai_api_key: str | None
openai_base_url: str | None
openai_keys: list[str] | str | None
openrouter_api_key: str | None
openrouter_base_url: str | None
openrouter_keys: list[str] | str | None
ovh_api_key: str | None
ovh_base_url: str | None
ovh_keys: list[str] | str | None
perplexity_api_key: str | None
perplexity_base_url: str | None
perplexity_keys: list[str] | str | None
poe_api_key: str | None
poe_base_url: str | None
poe_keys: list[str] | str | None
publicai_api_key: str | None
publicai_base_url: str | None
publicai_keys: list[str] | str | None
replicate_api_key: str | None
replicate_base_url: str | None
replicate_keys: list[str] | str | None
sagemaker_access_key_id: str | None
sagemaker_api_key: str | None
sagemaker_base_url: str | None
sagemaker_keys: list[str] | str | None
sagemaker_profile: str | None
sagemaker_region: str | None
sagemaker_secret_access_key: str | None
sagemaker_session_token: str | None
sambanova_api_key: str | None
sambanova_base_url: str | None
sambanova_keys: list[str] | str | None
sarvam_api_key: str | None
sarvam_base_url: str | None
sarvam_keys: list[str] | str | None
scaleway_api_key: str | None
scaleway_base_url: str | None
scaleway_keys: list[str] | str | None
siliconflow_api_key: str | None
siliconflow_base_url: str | None
siliconflow_keys: list[str] | str | None
snowflake_account: str | None
snowflake_api_key: str | None
snowflake_base_url: str | None
snowflake_keys: list[str] | str | None
synthetic_api_key: str | None
synthetic_base_url: str | None
synthetic_keys: list[str] | str | None
together_api_key: str | None
together_base_url: str | None
together_keys: list[str] | str | None
upstage_api_key: str | None
upstage_base_url: str | None
upstage_keys: list[str] | str | None
venice_api_key: str | None
venice_base_url: str | None
venice_keys: list[str] | str | None
vercel_api_key: str | None
vercel_base_url: str | None
vercel_keys: list[str] | str | None
vertex_api_key: str | None
vertex_base_url: str | None
vertex_bucket: str | None
vertex_credentials: str | None
vertex_keys: list[str] | str | None
vertex_location: str | None
vertex_project: str | None
vllm_api_key: str | None
vllm_base_url: str | None
vllm_keys: list[str] | str | None
volcengine_api_key: str | None
volcengine_base_url: str | None
volcengine_keys: list[str] | str | None
voyage_api_key: str | None
voyage_base_url: str | None
voyage_keys: list[str] | str | None
wandb_api_key: str | None
wandb_base_url: str | None
wandb_keys: list[str] | str | None
watsonx_api_key: str | None
watsonx_api_version: str | None
watsonx_base_url: str | None
watsonx_iam_url: str | None
watsonx_keys: list[str] | str | None
watsonx_project_id: str | None
watsonx_space_id: str | None
watsonx_token: str | None
writer_api_key: str | None
writer_base_url: str | None
writer_keys: list[str] | str | None
xai_api_key: str | None
xai_base_url: str | None
xai_keys: list[str] | str | None
xiaomi_api_key: str | None
xiaomi_base_url: str | None
xiaomi_keys: list[str] | str | None
zai_api_key: str | None
zai_base_url: str | None
zai_keys: list[str] | str | None
