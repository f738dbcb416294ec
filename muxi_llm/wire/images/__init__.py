"""Images where OpenAI's wire is not spoken, or nearly: `sizes`, then a file for each way of asking."""
