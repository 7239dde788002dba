from bench.workloads import served

application = served.load("bench.workloads.site.settings")
