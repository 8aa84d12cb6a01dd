# A Shiny app that shows the newest run of CarsFlow (cars.R), and looks for a newer one every ten seconds. It needs no
# more than a place to read from: the folder or the service that the flow's runs are recorded in.
#
#   Rscript cars.R && Rscript newest_run_app.R
#
# Needs the package shiny.

library(gangway)

ui <- shiny::fluidPage(
  shiny::titlePanel("What weight costs"),
  shiny::textOutput("which"),
  shiny::plotOutput("plot", height = "300px")
)

server <- function(input, output, session) {
  newest <- shiny::reactivePoll(10000, session,
    checkFunc = function() flow_client$new("CarsFlow")$latest_successful_run,
    valueFunc = function() latest_run("CarsFlow", successful = TRUE)
  )
  output$which <- shiny::renderText(paste0("Run ", attr(newest(), "run")$run_id))
  output$plot <- shiny::renderPlot(barplot(newest()$slopes, xlab = "cylinders", ylab = "mpg per 1,000 pounds"))
}

app <- shiny::shinyApp(ui, server)
if (!interactive() && sys.nframe() == 0L) shiny::runApp(app, port = 8080)
