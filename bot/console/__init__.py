"""The console: the pages of staff at /console. Pages are modules of `bot.console.pages`; each names its deed."""
