"""What stands around the browser, viewer and review: queue, log, notices, first page, lists of actions."""
